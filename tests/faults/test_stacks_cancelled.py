"""Cancelling what is done with stacks that last, in every state that a run can be in."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.held import await_that
from tests.faults.lasting import DIED, Lasting, lasting
from tests.platform import HEARD, inputs

Run = dict[str, Any]
# What the engine says when a wish to cancel has come to it.


@pytest.fixture(scope='module')
def here(tmp_path_factory: pytest.TempPathFactory, mode: str) -> Iterator[Lasting]:
    """A platform that does one run at a time; it has nothing left when the tests here end."""
    with lasting(tmp_path_factory.mktemp('here'), ENGINE=mode, WORKERS='1') as here:
        yield here
        here.assert_ended()
        here.end()


def cancel(here: Lasting, run: Run) -> Run:
    return here.client.order('POST', f'/runs/{run["id"]}/cancel')


def test_cancelled_in_the_queue(here: Lasting) -> None:
    """A run that waits is cancelled at once and never begins; its stack can be made later."""
    here.client.done(here.client.create('first', inputs('a')))
    with here.held():
        running = here.client.start('first', 'update', inputs={'text': 'new'})
        here.wait_until_held('update')
        created, updated = here.client.create('second', inputs('b')), queued(here, 'first')
        for run in (created, updated):
            now = cancel(here, run)
            assert (now['state'], now['started_at']) == ('cancelled', None)
    here.client.done(running)
    assert here.client.get('/stacks/first')['inputs']['text'] == 'new'
    assert here.client.get('/stacks/second')['state'] == 'incomplete'
    assert here.site.existing('second') == set()
    here.client.done(here.client.start('second', 'update'))
    here.assert_files()


def queued(here: Lasting, stack: str) -> Run:
    return here.client.start(stack, 'update', inputs={'text': 'newer'}, queue=True)


def has_begun(here: Lasting, run: Run) -> bool:
    return bool(here.client.get(f'/runs/{run["id"]}')['started_at'])


def test_cancelled_at_its_begin(here: Lasting) -> None:
    """A cancel in the moment in which a run begins: it is cancelled or was too late, no third."""
    for number in range(4):
        run = here.client.create(f'stack-{number}', inputs('a'))
        if number % 2:
            await_that(functools.partial(has_begun, here, run))
        cancel(here, run)
        now = here.client.ended(run)
        stack = here.client.get(f'/stacks/stack-{number}')['state']
        ends = ('cancelled', 'incomplete'), ('succeeded', 'ready')
        assert (now['state'], stack) in ends, here.client.log(run)
        here.client.done(here.client.start(f'stack-{number}', 'update'))
    here.assert_files()


@pytest.mark.parametrize('operation', ['update', 'refresh', 'accept', 'destroy'])
@pytest.mark.parametrize('wishes', [1, 2])
def test_cancelled_in_the_middle(here: Lasting, operation: str, wishes: int) -> None:
    """A cancel, or two, in mid-operation: it is cancelled, and the same can be done again."""
    where = {'update': 'update', 'destroy': 'delete'}.get(operation, 'read')
    name = f'middle-{operation}-{wishes}'
    here.client.done(here.client.create(name, inputs('a', 'b')))
    with here.held():
        run = begin(here, name, operation)
        here.wait_until_held(where)
        for _ in range(wishes):
            assert cancel(here, run)['cancel_requested']
        if wishes == 2:
            assert here.client.ended(run)['state'] == 'cancelled', 'without waiting for the step'
        else:
            await_that(lambda: HEARD in here.client.log(run))
    assert here.client.ended(run)['state'] == 'cancelled', here.client.log(run)
    assert_refused(here, run)
    here.assert_ended(run['id'])
    here.client.done(begin(here, name, operation))
    here.assert_files()


def begin(here: Lasting, name: str, operation: str) -> Run:
    if operation == 'destroy':
        return here.client.destroy(name)
    if operation == 'update':
        return here.client.start(name, 'update', inputs={'text': 'new'})
    return here.client.start(name, 'refresh', accept=operation == 'accept')


def assert_refused(here: Lasting, run: Run) -> None:
    answer = here.client.call('POST', f'/runs/{run["id"]}/cancel')
    assert answer.status_code == 409
    assert answer.json()['type'].endswith('#run-ended')


def test_cancelled_when_it_has_ended(here: Lasting) -> None:
    """A run that has ended, in whatever way, cannot be cancelled any more."""
    run = here.client.done(here.client.create('over', inputs('a')))
    assert_refused(here, run)
    (here.files / 'fail-update').touch()
    failed = here.client.ended(here.client.start('over', 'update', inputs={'text': 'new'}))
    (here.files / 'fail-update').unlink()
    assert failed['state'] == 'failed'
    assert_refused(here, failed)
    here.client.done(here.client.start('over', 'update'))


def test_cancelled_while_the_service_is_killed(here: Lasting) -> None:
    """A cancel that was acknowledged counts also when the service dies before it heeds it."""
    here.client.done(here.client.create('killed', inputs('a', 'b')))
    with here.held():
        run = here.client.start('killed', 'update', inputs={'text': 'new'})
        here.wait_until_held('update')
        assert cancel(here, run)['cancel_requested']
        here.restart()
    now = here.client.ended(run)
    assert now['state'] == 'cancelled', here.client.log(run)
    assert DIED in here.client.log(run)
    here.client.done(here.client.start('killed', 'update'))
    here.assert_files()
