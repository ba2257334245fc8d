"""What callers see and change of stacks and runs."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from settings import MOST_WAITING
from stacks import platform
from stacks.errors import (
    ChangedError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)
from stacks.moments import now
from stacks.platform import Platform
from stacks.records import Run
from stacks.requests import NewRun, RunFilter, StackFilter
from stacks.store import logs
from tests.records import ANNA, BEN, OPERATOR, READER, Site, order
from web.identity import Caller

LIMITED = Caller('anna', 'operator', frozenset({'other'}))


@pytest.fixture
def run(site: Site) -> Run:
    """The run that makes the stack `one`."""
    return site.platform.create(ANNA, order())


def test_coming_up(site: Site) -> None:
    """As long as the records are not open, everybody is told to come again."""

    def not_yet() -> platform.Records:
        raise UnavailableError('The platform is coming up.')

    early = Platform(site.settings, site.catalogue, not_yet, site.bell, lambda: False)
    with pytest.raises(UnavailableError, match='coming up'):
        early.stack(ANNA, 'one')


def test_everybody_looks(site: Site, run: Run) -> None:
    """Readers see everybody's stacks and runs."""
    assert site.platform.stack(READER, 'one').owner == 'anna'
    assert site.platform.run(READER, run.id).id == run.id


def test_other_programs(site: Site, run: Run) -> None:
    """Who is limited to other programs finds nothing of this one, as if it were not there."""
    shown = site.platform
    assert shown.stacks(LIMITED, StackFilter(), 9, None).items == []
    assert shown.runs(LIMITED, RunFilter(), 9, None).items == []
    for look in (
        lambda: shown.stack(LIMITED, 'one'),
        lambda: shown.run(LIMITED, run.id),
        lambda: shown.log(LIMITED, run.id, 0, 100),
        lambda: shown.wait(LIMITED, run.id, 0),
        lambda: shown.change(LIMITED, 'one', {'protected': True}, None),
        lambda: shown.forget(LIMITED, 'one', None),
    ):
        with pytest.raises(NotFoundError, match=r'There is no (stack|run) of this'):
            look()


def test_pages(site: Site) -> None:
    """A page tells the cursor of the next one, and the last one none."""
    for number in range(3):
        site.platform.create(ANNA, order(f's{number}'))
    first = site.platform.stacks(ANNA, StackFilter(), 2, None)
    assert [each.name for each in first.items] == ['s0', 's1']
    rest = site.platform.stacks(ANNA, StackFilter(), 2, first.next)
    assert ([each.name for each in rest.items], rest.next) == (['s2'], None)
    runs = site.platform.runs(ANNA, RunFilter(), 2, None)
    assert [each.stack for each in runs.items] == ['s2', 's1']
    rest_of_runs = site.platform.runs(ANNA, RunFilter(), 2, runs.next)
    assert ([each.stack for each in rest_of_runs.items], rest_of_runs.next) == (['s0'], None)


@pytest.mark.parametrize('cursor', ['', 'Ä', '\0', '-1', '1.5', '9' * 19, '²'])
def test_no_cursor(site: Site, cursor: str) -> None:
    """What no page told is no cursor."""
    with pytest.raises(InvalidError, match='/cursor must be'):
        site.platform.runs(ANNA, RunFilter(), 2, cursor)


@pytest.mark.parametrize('cursor', ['Ä', '\0', 'x' * 61, '../x'])
def test_no_cursor_of_stacks(site: Site, cursor: str) -> None:
    """What is no stack's name is no cursor of stacks."""
    with pytest.raises(InvalidError, match='/cursor must be'):
        site.platform.stacks(ANNA, StackFilter(), 2, cursor)


def test_change(site: Site, run: Run) -> None:
    """A change by its owner is seen at once, and the version goes up."""
    before = site.platform.stack(ANNA, 'one').version
    changed = site.platform.change(ANNA, 'one', {'protected': True, 'owner': 'ben'}, before)
    assert (changed.protected, changed.owner, changed.version) == (True, 'ben', before + 1)
    with pytest.raises(ForbiddenError, match='belongs to ben'):
        site.platform.change(ANNA, 'one', {'owner': 'anna'}, None)


def test_versions(site: Site, run: Run) -> None:
    """Whoever saw another version changes, runs and forgets nothing."""
    site.change_run(run.id, state='succeeded')
    version = site.platform.stack(ANNA, 'one').version
    for do in (
        lambda: site.platform.change(ANNA, 'one', {'protected': True}, version - 1),
        lambda: site.platform.start(ANNA, 'one', NewRun('update', version=version - 1)),
        lambda: site.platform.forget(OPERATOR, 'one', version - 1),
    ):
        with pytest.raises(ChangedError, match=f'version is {version} now'):
            do()
    assert site.platform.stack(ANNA, 'one').version == version


def test_change_of_one_version_at_once(site: Site, run: Run) -> None:
    """Of many who change the same version at once, one does."""
    version = site.platform.stack(ANNA, 'one').version

    def change(number: int) -> bool:
        try:
            site.platform.change(ANNA, 'one', {'description': str(number)}, version)
        except ChangedError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(change, range(8))) == 1


def test_roles_of_changes(site: Site, run: Run) -> None:
    """Only its owner and operators change a stack, and only operators forget it."""
    for caller in (READER, BEN):
        with pytest.raises(ForbiddenError):
            site.platform.change(caller, 'one', {'protected': True}, None)
    site.platform.change(OPERATOR, 'one', {'protected': True}, None)
    for caller in (READER, BEN, ANNA):
        with pytest.raises(ForbiddenError, match='needs the role operator'):
            site.platform.forget(caller, 'one', None)


def test_forget(site: Site, run: Run) -> None:
    """A stack with which nothing is under way is forgotten, and its runs are still seen."""
    with pytest.raises(ConflictError) as told:
        site.platform.forget(OPERATOR, 'one', None)
    assert (told.value.kind, told.value.run) == ('run-in-progress', run.id)
    site.change_run(run.id, state='failed')
    site.platform.forget(OPERATOR, 'one', None)
    with pytest.raises(NotFoundError):
        site.platform.stack(OPERATOR, 'one')
    assert site.platform.run(ANNA, run.id).stack == 'one'


def write(site: Site, run: Run, text: str, **values: object) -> None:
    with site.database.writing() as connection:
        end = logs.append(connection, run.id, 0, text)
    site.change_run(run.id, log_size=end, **values)


@pytest.mark.parametrize('limit', [4, 7, 8, 1000])
def test_log(site: Site, run: Run, limit: int) -> None:
    """A log is read piece by piece to its end, which is told when its run has ended."""
    text = 'ä line\nand a longer one €\n' * 5
    write(site, run, text, state='running')
    found, offset = '', 0
    while True:
        part = site.platform.log(ANNA, run.id, offset, limit)
        found, offset = found + part.text, part.next
        if not part.text:
            break
    assert (found, part.complete, part.state) == (text, False, 'running')
    site.change_run(run.id, state='succeeded', ended_at=now())
    assert site.platform.log(ANNA, run.id, offset, limit).complete


def test_any_offset(site: Site, run: Run) -> None:
    """Wherever a part begins, the next one begins where its text ends."""
    whole = 'ä line\n🙂 €\n'.encode()
    write(site, run, whole.decode(), state='succeeded', ended_at=now())
    for offset in range(len(whole)):
        part = site.platform.log(ANNA, run.id, offset, 1000)
        assert (part.next, part.complete) == (len(whole), True)
        assert part.text == whole[offset:].decode(errors='ignore')


def test_offset_beyond_the_end(site: Site, run: Run) -> None:
    """An offset that no log has is refused."""
    write(site, run, 'text\n')
    with pytest.raises(InvalidError, match='/offset must be at most 5'):
        site.platform.log(ANNA, run.id, 6, 100)


def test_resources_done(site: Site, run: Run) -> None:
    """A log tells how many resources have been dealt with."""
    states = [{'state': state} for state in ('done', 'failed', 'running')]
    site.change_run(run.id, resources=states)
    assert site.platform.log(ANNA, run.id, 0, 100).resources_done == 2


def test_wait(site: Site, run: Run) -> None:
    """Whoever waits for a run is answered as soon as it has ended, or the time is over."""
    assert site.platform.wait(ANNA, run.id, 0.01).state == 'queued'

    def end() -> None:
        site.change_run(run.id, state='succeeded')
        site.bell.ring()

    timer = threading.Timer(0.05, end)
    timer.start()
    assert site.platform.wait(ANNA, run.id, 60).state == 'succeeded'
    timer.join()


def test_wait_while_the_service_ends(site: Site, run: Run) -> None:
    """Whoever waits for a run that does not begin any more is told at once that it waits."""
    site.is_draining = True
    assert site.platform.wait(ANNA, run.id, 60).state == 'queued'


def test_many_wait(site: Site, run: Run) -> None:
    """When as many wait as may, the next one is answered at once."""
    shared = site.platform
    with ThreadPoolExecutor(MOST_WAITING) as pool:
        waiting = [pool.submit(shared.wait, ANNA, run.id, 60) for _ in range(MOST_WAITING)]
        while shared._waiting._value:
            pass
        assert shared.wait(ANNA, run.id, 60).state == 'queued'
        site.change_run(run.id, state='failed')
        site.bell.ring()
        assert {each.result().state for each in waiting} == {'failed'}
    assert shared._waiting._value == MOST_WAITING
