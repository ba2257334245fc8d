"""The same request sent again, one after the other and at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from stacks.errors import ConflictError
from stacks.records import Run
from stacks.requests import Key, NewRun
from tests.records import ANNA, BEN, OPERATOR, Site, order

KEY = Key('mine', 'fingerprint')
CALLERS = 20


def at_once(order_one: Callable[[int], Run]) -> list[str]:
    """Order from many threads at once; return the runs' ids, or what stood in the way."""

    def attempt(number: int) -> str:
        try:
            return order_one(number).id
        except ConflictError as error:
            return error.kind

    with ThreadPoolExecutor(CALLERS) as pool:
        return list(pool.map(attempt, range(CALLERS)))


def test_create_again(site: Site) -> None:
    """The same order of a stack comes to the same run, also when the stack is gone since."""
    run = site.platform.create(ANNA, order(key=KEY))
    assert site.platform.create(ANNA, order(key=KEY)).id == run.id
    site.change_run(run.id, state='succeeded')
    site.platform.forget(OPERATOR, 'one', None)
    assert site.platform.create(ANNA, order(key=KEY)).state == 'succeeded'


def test_start_again(site: Site) -> None:
    """The same order of a run comes to the same run, whatever came after it."""
    site.platform.create(ANNA, order())
    request = NewRun('update', queue=True, key=KEY)
    run = site.platform.start(ANNA, 'one', request)
    site.platform.start(ANNA, 'one', NewRun('destroy', queue=True))
    assert site.platform.start(ANNA, 'one', request).id == run.id


def test_repeated_destroy(site: Site) -> None:
    """A key that came to a destroy under way comes to it still when the stack is gone."""
    site.change_run(site.platform.create(ANNA, order()).id, state='succeeded')
    run = site.platform.start(ANNA, 'one', NewRun('destroy'))
    request = NewRun('destroy', key=KEY)
    assert site.platform.start(ANNA, 'one', request).id == run.id
    site.change_run(run.id, state='succeeded')
    site.platform.forget(OPERATOR, 'one', None)
    assert site.platform.start(ANNA, 'one', request).id == run.id


def test_another_request(site: Site) -> None:
    """A key that was used for something else is refused."""
    site.platform.create(ANNA, order(key=KEY))
    with pytest.raises(ConflictError, match='another request') as told:
        site.platform.create(ANNA, order('two', key=Key('mine', 'another')))
    assert told.value.kind == 'key-reused'


def test_another_caller(site: Site) -> None:
    """Each caller has keys of their own."""
    site.platform.create(ANNA, order('a', key=KEY))
    site.platform.create(BEN, order('b', key=Key('mine', 'another')))


def test_forgotten_run(site: Site) -> None:
    """A key whose run is not kept any more makes no second one."""
    run = site.platform.create(ANNA, order(key=KEY))
    site.change_run(run.id, id='run_gone')
    with pytest.raises(ConflictError, match='not kept any more'):
        site.platform.create(ANNA, order(key=KEY))


def test_refused_order(site: Site) -> None:
    """A key that came to nothing may be used again."""
    site.platform.create(ANNA, order())
    with pytest.raises(ConflictError):
        site.platform.create(ANNA, order(key=KEY))
    assert site.platform.create(ANNA, order('two', key=KEY))


def test_same_key_at_once(site: Site) -> None:
    """Of many of the same order at once, all come to one run."""
    found = at_once(lambda _: site.platform.create(ANNA, order(key=KEY)))
    assert [row.id for row in site.runs('one')] == [*set(found)]


def test_same_name_at_once(site: Site) -> None:
    """Of many who want the same name at once, one gets it, and the others are told."""
    found = at_once(lambda _: site.platform.create(ANNA, order()))
    assert found.count('name-taken') == CALLERS - 1
    assert len(site.runs('one')) == 1


def test_same_stack_at_once(site: Site) -> None:
    """Of many runs of a stack at once, one is taken; of those that may wait, all are."""
    site.change_run(site.platform.create(ANNA, order()).id, state='succeeded')
    found = at_once(lambda _: site.platform.start(ANNA, 'one', NewRun('update')))
    assert found.count('run-in-progress') == CALLERS - 1
    waiting = NewRun('update', queue=True)
    assert len(set(at_once(lambda _: site.platform.start(ANNA, 'one', waiting)))) == CALLERS


def test_quota_at_once(site: Site) -> None:
    """Many who create at once do not get more than there may be."""
    object.__setattr__(site.settings, 'max_stacks', 3)
    found = at_once(lambda number: site.platform.create(ANNA, order(f's{number}')))
    assert found.count('quota-reached') == CALLERS - 3
