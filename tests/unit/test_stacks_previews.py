"""Updates that are decided by a preview, and when it does not hold any more."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from stacks import programs
from stacks.errors import ConflictError, InvalidError
from stacks.moments import aware, now
from stacks.records import Run
from stacks.requests import NewRun
from tests.records import ANNA, Site, order, vault


@pytest.fixture
def preview(site: Site) -> Run:
    """A preview with another input that has succeeded, of a stack that is there."""
    first = site.platform.create(ANNA, order())
    number = site.runs('one')[0].number
    site.change_run(first.id, state='succeeded')
    site.change_stack('one', state='ready', changed_by=number)
    run = site.platform.start(ANNA, 'one', NewRun('preview', inputs={'team': 'blue'}))
    digest = programs.digest(site.settings.programs_dir / 'token')
    site.change_run(run.id, state='succeeded', based_on=number, digest=digest)
    return run


def update(site: Site, run: Run, name: str = 'one', **more: Any) -> Run:
    return site.platform.start(ANNA, name, NewRun('update', preview=run.id, **more))


def test_holds(site: Site, preview: Run) -> None:
    """An update by a preview goes with the inputs that the preview saw."""
    run = update(site, preview)
    assert (run.preview, run.inputs['team']) == (preview.id, 'blue')


def insist_on_outdated(site: Site, preview: Run, **more: Any) -> None:
    with pytest.raises(ConflictError, match='make a new one') as told:
        update(site, preview, **more)
    assert told.value.kind == 'preview-outdated'


def test_stack_has_changed(site: Site, preview: Run) -> None:
    """A preview does not hold when a later run may have changed resources."""
    site.change_stack('one', changed_by=site.runs('one')[-1].number + 1)
    insist_on_outdated(site, preview)


def test_program_has_changed(site: Site, preview: Run) -> None:
    """A preview does not hold when the program is another one by now."""
    (site.settings.programs_dir / 'token' / '__main__.py').write_text('import os\n')
    insist_on_outdated(site, preview)


def test_run_before_it(site: Site, preview: Run) -> None:
    """A preview does not hold for an update that would wait for another run."""
    site.platform.start(ANNA, 'one', NewRun('update'))
    insist_on_outdated(site, preview, queue=True)


@pytest.mark.parametrize('state', ['queued', 'running', 'failed', 'cancelled', 'interrupted'])
def test_not_succeeded(site: Site, preview: Run, state: str) -> None:
    """Nothing is decided by a preview that did not succeed."""
    site.change_run(preview.id, state=state)
    with pytest.raises(InvalidError, match='/preview has not succeeded'):
        update(site, preview, queue=True)


def test_of_another_stack(site: Site, preview: Run) -> None:
    """A preview is of one stack, also when that is gone and another one has its name."""
    site.change_run(site.platform.create(ANNA, order('other')).id, state='succeeded')
    with pytest.raises(InvalidError, match='/preview is no preview of this stack'):
        update(site, preview, 'other')
    site.platform.forget(ANNA_AS_OPERATOR, 'one', None)
    site.change_run(site.platform.create(ANNA, order()).id, state='succeeded')
    with pytest.raises(InvalidError, match='/preview is no preview of this stack'):
        update(site, preview)


ANNA_AS_OPERATOR = type(ANNA)('anna', 'operator')


@pytest.mark.parametrize(
    ('given', 'words'),
    [
        ({'operation': 'destroy'}, '/preview is for an update'),
        ({'operation': 'preview'}, '/preview is for an update'),
        ({'inputs': {'team': 'green'}}, '/inputs are those of the preview'),
        ({'preview': 'run_unknown'}, '/preview is no preview of this stack'),
    ],
)
def test_mistakes(site: Site, preview: Run, given: dict[str, Any], words: str) -> None:
    """A preview decides an update alone, and its inputs with it."""
    with pytest.raises(InvalidError, match=words):
        site.platform.start(
            ANNA, 'one', NewRun(**{'operation': 'update', 'preview': preview.id, **given})
        )


def test_update_as_preview(site: Site, preview: Run) -> None:
    """An update is no preview."""
    with pytest.raises(InvalidError, match='/preview is no preview of this stack'):
        update(site, site.platform.run(ANNA, site.runs('one')[0].id))


def drift(begun: datetime, seconds: int, **changes: int) -> dict[str, Any]:
    looked = aware(begun + timedelta(seconds=seconds)).isoformat(timespec='seconds')
    return {'checked_at': looked.replace('+00:00', 'Z'), 'changes': changes}


def test_drift_found_since(site: Site, preview: Run) -> None:
    """A preview does not hold when a look has found something changed outside since."""
    begun = now()
    site.change_run(preview.id, started_at=begun)
    site.change_stack('one', drift=drift(begun, 5, update=1))
    insist_on_outdated(site, preview)


@pytest.mark.parametrize(('seconds', 'changes'), [(5, {}), (-5, {'update': 1})])
def test_drift_that_it_knew(
    site: Site, preview: Run, seconds: int, changes: dict[str, int]
) -> None:
    """A preview holds after a look that found nothing, and with what was found before it."""
    begun = now()
    site.change_run(preview.id, started_at=begun)
    site.change_stack('one', drift=drift(begun, seconds, **changes))
    assert update(site, preview).preview == preview.id


def test_with_the_inputs_of_a_run(site: Site, preview: Run) -> None:
    """A run may go with the inputs of an earlier one, its secrets too, and change some of them."""
    before = site.stack('one').inputs
    site.change_run(preview.id, inputs={**before, 'secret': {'key': vault().encrypt('other')}})
    request = NewRun('update', inputs={'size': 9}, like=preview.id)
    assert site.platform.start(ANNA, 'one', request).inputs['size'] == 9
    run = site.runs('one')[-1]
    assert vault().decrypt(run.inputs['secret']['key']) == 'other'
    assert set(run.given) == {'size', 'team', 'key'}


@pytest.mark.parametrize('like', ['run_none', 'of another'])
def test_with_the_inputs_of_no_run(site: Site, preview: Run, like: str) -> None:
    """Inputs are taken from no run but one of the same stack."""
    other = site.platform.create(ANNA, order('other')).id
    request = NewRun('update', like=other if like == 'of another' else like)
    with pytest.raises(InvalidError, match='/like'):
        site.platform.start(ANNA, 'one', request)
