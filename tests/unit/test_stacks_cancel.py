"""Having runs end early: those that wait, those under way, and those that have ended."""

from __future__ import annotations

import pytest

from stacks.errors import ConflictError, ForbiddenError
from stacks.moments import now
from stacks.records import Run
from stacks.requests import NewRun
from stacks.store import runs
from tests.records import ANNA, BEN, OPERATOR, READER, Site, order


@pytest.fixture
def run(site: Site) -> Run:
    """The run that makes the stack `one`."""
    return site.platform.create(ANNA, order())


def put_off(site: Site, run: Run, stack: str) -> None:
    """Have a run wait again, as a service that shut down in its midst leaves it."""
    site.change_run(run.id, state='queued', started_at=now(), attempts=0)
    site.change_stack(run.stack, state=stack)


def test_queued(site: Site, run: Run) -> None:
    """A run that waits ends at once, and its stack is there without anything."""
    cancelled = site.platform.cancel(ANNA, run.id)
    assert (cancelled.state, cancelled.cancel_requested) == ('cancelled', True)
    assert cancelled.ended_at
    assert site.stack('one').state == 'incomplete'


def test_running(site: Site, run: Run) -> None:
    """That a run under way shall end is noted, as often as it is asked for."""
    with site.database.writing() as connection:
        runs.claim(connection, 'me')
    for _ in range(2):
        asked = site.platform.cancel(ANNA, run.id)
        assert (asked.state, asked.cancel_requested) == ('running', True)
    assert site.runs('one')[0].cancel == 2


@pytest.mark.parametrize('state', ['succeeded', 'failed', 'cancelled', 'interrupted'])
def test_ended(site: Site, run: Run, state: str) -> None:
    """A run that has ended cannot be ended."""
    site.change_run(run.id, state=state)
    with pytest.raises(ConflictError) as told:
        site.platform.cancel(ANNA, run.id)
    assert (told.value.kind, told.value.run) == ('run-ended', run.id)


def test_roles(site: Site, run: Run) -> None:
    """Only a stack's owner and operators end its runs, whoever ordered them."""
    for caller in (READER, BEN):
        with pytest.raises(ForbiddenError):
            site.platform.cancel(caller, run.id)
    assert site.platform.cancel(OPERATOR, run.id)


@pytest.mark.parametrize('operation', ['preview', 'update'])
def test_behind_the_first(site: Site, run: Run, operation: str) -> None:
    """A run that waits behind the one that makes the stack leaves it in the making."""
    second = site.platform.start(ANNA, 'one', NewRun(operation, queue=True))
    site.platform.cancel(ANNA, second.id)
    assert site.stack('one').state == 'creating'
    with site.database.writing() as connection:
        runs.claim(connection, 'me')
    third = site.platform.start(ANNA, 'one', NewRun(operation, queue=True))
    site.platform.cancel(ANNA, third.id)
    assert site.stack('one').state == 'creating'


@pytest.mark.parametrize(
    ('operation', 'state'),
    [('update', 'updating'), ('destroy', 'destroying'), ('update', 'creating')],
)
def test_put_off(site: Site, run: Run, operation: str, state: str) -> None:
    """A run that was put off in its midst leaves the stack incomplete, not busy for ever."""
    site.change_run(run.id, operation=operation)
    put_off(site, run, state)
    site.platform.cancel(ANNA, run.id)
    assert site.stack('one').state == 'incomplete'


@pytest.mark.parametrize('operation', ['preview', 'refresh'])
def test_put_off_look(site: Site, run: Run, operation: str) -> None:
    """A look that was put off leaves the stack as it is."""
    site.change_run(run.id, operation=operation)
    put_off(site, run, 'ready')
    site.platform.cancel(ANNA, run.id)
    assert site.stack('one').state == 'ready'
