"""The queue of runs, their pages, and what is removed of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from stacks.moments import now
from stacks.requests import RunFilter, StackFilter
from stacks.store import runs, stacks
from tests.records import Site, add_run, add_stack


def queue(site: Site, *names: str) -> list[str]:
    """Queue a run for each name of a stack, and return their ids."""
    found = []
    with site.database.writing() as connection:
        for name in names:
            stack = stacks.by_name(connection, name) or add_stack(connection, name)
            found.append(add_run(connection, stack))
    return found


def claim(site: Site, executor: str = 'me') -> str | None:
    with site.database.writing() as connection:
        row = runs.claim(connection, executor)
    return row.id if row else None


def end(site: Site, run_id: str) -> None:
    site.change_run(run_id, state='succeeded', ended_at=now())


def test_oldest_first(site: Site) -> None:
    """The run that has waited longest is taken first."""
    found = queue(site, 'a', 'b', 'c')
    assert [claim(site) for _ in range(4)] == [*found, None]


def test_one_at_a_time(site: Site) -> None:
    """A stack's next run is taken when the one before it has ended; other stacks' at once."""
    first, second, other = queue(site, 'a', 'a', 'b')
    assert claim(site) == first
    assert claim(site) == other
    assert claim(site) is None
    end(site, first)
    assert claim(site) == second


def test_requeued(site: Site) -> None:
    """A run that begins again goes before all that wait for its stack."""
    first, second = queue(site, 'a', 'a')
    assert claim(site) == first
    with site.database.writing() as connection:
        runs.requeue(connection, first, attempts=1)
    assert claim(site, 'another') == first
    [row, _] = site.runs('a')
    assert (row.executor, row.attempts) == ('another', 2)
    end(site, first)
    assert claim(site) == second


def test_start_is_kept(site: Site) -> None:
    """A run that begins again has its first start still."""
    [run] = queue(site, 'a')
    claim(site)
    started = site.runs('a')[0].started_at
    with site.database.writing() as connection:
        runs.requeue(connection, run, attempts=0)
    claim(site)
    assert site.runs('a')[0].started_at == started


def test_second_running(site: Site) -> None:
    """The database itself refuses a second run under way on a stack."""
    first, second = queue(site, 'a', 'a')
    site.change_run(first, state='running')
    with pytest.raises(sa.exc.IntegrityError):
        site.change_run(second, state='running')


def test_lost(site: Site) -> None:
    """Who does not do a run any more changes nothing of it."""
    [run] = queue(site, 'a')
    claim(site, 'another')
    with site.database.writing() as connection:
        assert not runs.change(connection, run, 'me', state='succeeded')
        assert runs.locked(connection, run, 'me') is None
        assert runs.change(connection, run, 'another', state='succeeded')
        assert not runs.change(connection, run, 'another', state='failed')


def test_cancels(site: Site) -> None:
    """How often a run under way was asked to end is told to its service, and to no other."""
    first, second = queue(site, 'a', 'b')
    claim(site, 'me')
    with site.database.writing() as connection:
        assert runs.ask_to_cancel(connection, first)
        assert runs.ask_to_cancel(connection, first)
        assert not runs.ask_to_cancel(connection, second)
        assert runs.cancels(connection, 'me') == {first: 2}
        assert runs.cancels(connection, 'another') == {}
        assert runs.executors(connection) == {'me'}


@pytest.mark.parametrize('limit', [1, 2, 3, 7, 8])
def test_run_pages(site: Site, limit: int) -> None:
    """Pages have each run once, the newest first, also while new ones come."""
    found = queue(site, *(f's{number}' for number in range(7)))
    seen: list[str] = []
    before = None
    while True:
        with site.database.reading() as connection:
            page = runs.page(connection, RunFilter(), None, limit, before)
        if not page:
            break
        seen += [row.id for row in page]
        before = page[-1].number
        queue(site, 's0')
    assert seen == found[::-1]


def test_run_filters(site: Site) -> None:
    """Lists have what is asked for, and only programs that are named."""
    first, second = queue(site, 'a', 'b')
    end(site, second)
    with site.database.reading() as connection:
        for where, programs, expected in (
            (RunFilter(stack='a'), None, [first]),
            (RunFilter(state='succeeded'), None, [second]),
            (RunFilter(operation='destroy'), None, []),
            (RunFilter(), frozenset({'token'}), [second, first]),
            (RunFilter(), frozenset[str](), []),
        ):
            page = runs.page(connection, where, programs, 9, None)
            assert [row.id for row in page] == expected


def test_runs_of_a_stack(site: Site) -> None:
    """A stack has its own runs alone, not those of one before it that had its name."""
    first, _ = queue(site, 'a', 'b')
    with site.database.writing() as connection:
        stacks.remove(connection, site.stack('a').id)
    [second] = queue(site, 'a')
    with site.database.reading() as connection:
        for where, expected in (
            (RunFilter('a', is_kept=True), [second]),
            (RunFilter('a'), [second, first]),
        ):
            assert [row.id for row in runs.page(connection, where, None, 9, None)] == expected


@pytest.mark.parametrize('limit', [1, 2, 3, 7, 8])
def test_stack_pages(site: Site, limit: int) -> None:
    """Pages have each stack once, by name."""
    names = ['a', 'a-b', 'a0', 'b', 'c', 'd', 'e']
    with site.database.writing() as connection:
        for name in reversed(names):
            add_stack(connection, name)
    seen: list[str] = []
    with site.database.reading() as connection:
        while page := stacks.page(connection, StackFilter(), None, limit, ['', *seen][-1]):
            seen += [stack.name for stack in page]
            if len(seen) > len(names):
                break
    assert seen == names


def test_old_runs(site: Site) -> None:
    """What ended long ago is removed, but for the last run of a stack."""
    first, second, third = queue(site, 'a', 'a', 'b')
    long_ago = now() - timedelta(days=9)
    for run in (first, second):
        site.change_run(run, state='succeeded', ended_at=long_ago)
    with site.database.writing() as connection:
        assert runs.remove_ended(connection, now() - timedelta(days=8)) == 1
        assert runs.remove_ended(connection, now() - timedelta(days=8)) == 0
    assert [row.id for row in site.runs('a')] == [second]
    assert [row.id for row in site.runs('b')] == [third]


def test_numbers_are_not_given_again(site: Site) -> None:
    """A run gets a higher number than all before it, also than those that are gone."""
    queue(site, 'a', 'a')
    before = site.runs('a')[-1].number
    with site.database.writing() as connection:
        connection.execute(sa.text('DELETE FROM runs'))
    queue(site, 'a')
    assert site.runs('a')[0].number > before
