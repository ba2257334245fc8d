"""Runs are taken from the queue and done: how many, in which order, and how they end."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import metrics
from stacks.operation.course import Course
from stacks.operation.stopping import Stop
from stacks.operation.task import Outcome, Task
from stacks.records import EXPIRED, Run
from stacks.requests import NewRun
from stacks.running.running_run import PROTECTED
from tests import records
from tests.doers import Doer, FakeOperator, Work, await_that, doing, hurried, until_stopped
from tests.fake_pulumi import Meeting
from tests.records import ANNA, SECRET, Site, order


def ended(site: Site, run: Run) -> Run:
    """Return a run once it has ended."""
    found = site.platform.wait(ANNA, run.id, 20)
    assert found.has_ended
    return found


def log_of(site: Site, run: Run) -> str:
    return site.platform.log(ANNA, run.id, 0, 2**20).text


def ending(state: str, *lines: str) -> Work:
    """Return work that ends so."""

    def work(task: Task, course: Course, stop: Stop) -> Outcome:
        for line in lines:
            course.line(line)
        error = {'message': 'm', 'resource': None, 'detail': ''} if state == 'failed' else None
        return Outcome(state, 'd' * 64, error)

    return work


def test_done(site: Site) -> None:
    """A run that waits is done, with its log, and its stack is ready."""
    run = site.platform.create(ANNA, order())
    with doing(site):
        found = ended(site, run)
    assert (found.state, found.attempts, found.digest) == ('succeeded', 1, 'd' * 64)
    assert log_of(site, run) == 'update of one\n'
    stack = site.stack('one')
    assert (stack.state, stack.digest) == ('ready', 'd' * 64)


def counted(operation: str, outcome: str) -> float:
    labels = {'operation': operation, 'outcome': outcome}
    return metrics.REGISTRY.get_sample_value('operations_total', labels) or 0.0


def test_counted(site: Site) -> None:
    """Each run that ends counts once, however often its end has to be stored."""
    before = counted('update', 'failed')
    run = site.platform.create(ANNA, order())
    doer = Doer(site, FakeOperator())

    def work(task: Task, course: Course, stop: Stop) -> Outcome:
        doer.database.lost = 1
        return Outcome('failed')

    doer.operator.work = work
    doer.start()
    ended(site, run)
    doer.close()
    assert counted('update', 'failed') == before + 1


def test_audited(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """The audit line of a run says whose it was and how it ended."""
    with caplog.at_level('INFO', 'audit'), doing(site, ending('failed')):
        ended(site, site.platform.create(ANNA, order()))
        await_that(lambda: caplog.messages)
    assert "caller=anna stack=one action='update' result=failed" in caplog.messages


def test_destroyed(site: Site) -> None:
    """A stack that was destroyed is gone, and its runs are still there."""
    with doing(site):
        ended(site, site.platform.create(ANNA, order()))
        run = ended(site, site.platform.start(ANNA, 'one', NewRun('destroy')))
    assert run.state == 'succeeded'
    assert [row.stack_id for row in site.runs('one')] == [None, None]


@pytest.mark.parametrize(
    ('operation', 'state', 'stack'),
    [
        ('update', 'failed', 'failed'),
        ('destroy', 'failed', 'failed'),
        ('update', 'cancelled', 'incomplete'),
        ('preview', 'failed', 'ready'),
        ('refresh', 'succeeded', 'ready'),
    ],
)
def test_states(site: Site, operation: str, state: str, stack: str) -> None:
    """How a run ends says what its stack is; a mere look leaves it as it is."""
    with doing(site) as doer:
        ended(site, site.platform.create(ANNA, order()))
        doer.operator.work = ending(state)
        run = ended(site, site.platform.start(ANNA, 'one', NewRun(operation)))
    assert (run.state, site.stack('one').state) == (state, stack)
    assert bool(run.error) == (state == 'failed')


def test_inputs_and_preview(site: Site) -> None:
    """A stack has the inputs of its last update; a preview changes nothing, and holds."""
    with doing(site):
        ended(site, site.platform.create(ANNA, order()))
        preview = site.platform.start(ANNA, 'one', NewRun('preview', inputs={'team': 'blue'}))
        ended(site, preview)
        assert site.platform.stack(ANNA, 'one').inputs['team'] == 'red'
        [first, second] = site.runs('one')
        assert second.based_on == first.number == site.stack('one').changed_by
        run = site.platform.start(ANNA, 'one', NewRun('update', inputs={'team': 'green'}))
        ended(site, run)
    assert site.platform.stack(ANNA, 'one').inputs['team'] == 'green'


def test_inputs_of_those_before(site: Site) -> None:
    """A run that waits changes what it was given, and keeps what those before it have changed."""
    site.platform.create(ANNA, order())
    changes: list[tuple[str, dict[str, Any]]] = [
        ('update', {'team': 'blue'}),
        ('preview', {}),
        ('update', {'size': 3}),
    ]
    for operation, inputs in changes:
        site.platform.start(ANNA, 'one', NewRun(operation, inputs=inputs, queue=True))
    last = site.platform.start(ANNA, 'one', NewRun('refresh', queue=True))
    with doing(site) as doer:
        ended(site, last)
    seen = [
        (task.inputs['plain']['team'], task.inputs['plain']['size']) for task in doer.operator.tasks
    ]
    assert seen == [('red', 2), ('blue', 2), ('blue', 2), ('blue', 3), ('blue', 3)]
    assert [row.inputs['plain']['team'] for row in site.runs('one')][1:] == ['blue'] * 4


def secrets_of(task: Task) -> set[str]:
    return {records.vault().decrypt(each) for each in task.secrets}


def test_former_secrets(site: Site) -> None:
    """A run knows all secrets that may show in what it does, also those that were replaced."""
    with doing(site) as doer:
        ended(site, site.platform.create(ANNA, order()))
        for operation, key in (('preview', 'planted-1'), ('update', 'planted-2')):
            inputs = {'key': key}
            ended(site, site.platform.start(ANNA, 'one', NewRun(operation, inputs=inputs)))
        site.change_stack('one', inputs=records.NOTHING)
        for operation in ('refresh', 'destroy'):
            ended(site, site.platform.start(ANNA, 'one', NewRun(operation)))
    assert [secrets_of(task) for task in doer.operator.tasks] == [
        {SECRET},
        {SECRET, 'planted-1'},
        *[{SECRET, 'planted-2'}] * 3,
    ]


def test_protected_meanwhile(site: Site) -> None:
    """A stack that is protected while its destroy waits is not destroyed."""
    site.platform.create(ANNA, order())
    run = site.platform.start(ANNA, 'one', NewRun('destroy', queue=True))
    site.platform.change(ANNA, 'one', {'protected': True}, None)
    with doing(site) as doer:
        found = ended(site, run)
    assert [task.operation for task in doer.operator.tasks] == ['update']
    assert (found.state, found.error and found.error['message']) == ('failed', PROTECTED)
    assert log_of(site, run) == PROTECTED + '\n'
    assert site.stack('one').state == 'ready'


def test_protected_in_its_midst(site: Site) -> None:
    """A stack that was protected while its destroy was put off is said to be incomplete."""
    site.platform.create(ANNA, order())
    with doing(site) as doer:
        ended(site, site.platform.start(ANNA, 'one', NewRun('preview', queue=True)))
        doer.operator.work = until_stopped
        run = site.platform.start(ANNA, 'one', NewRun('destroy'))
        await_that(lambda: site.stack('one').state == 'destroying')
    site.platform.change(ANNA, 'one', {'protected': True}, None)
    with doing(site):
        assert ended(site, run).state == 'failed'
    assert site.stack('one').state == 'incomplete'


def test_extended_meanwhile(site: Site) -> None:
    """A stack that is given more time while its destroy waits stays; by hand it would not."""
    site.platform.create(ANNA, order(ttl='8h'))
    with doing(site):
        ended(site, site.platform.start(ANNA, 'one', NewRun('preview', queue=True)))
    run = site.platform.start(ANNA, 'one', NewRun('destroy'))
    site.change_run(run.id, reason=EXPIRED)
    with doing(site) as doer:
        assert ended(site, run).state == 'cancelled'
        assert not doer.operator.tasks
        by_hand = site.platform.start(ANNA, 'one', NewRun('destroy'))
        assert ended(site, by_hand).state == 'succeeded'


def test_as_many_as_workers(site: Site) -> None:
    """As many runs as there are workers are done at once, of different stacks."""
    meeting = Meeting(3)

    def work(task: Task, course: Course, stop: Stop) -> Outcome:
        meeting()
        return Outcome('succeeded')

    runs = [site.platform.create(ANNA, order(f's{number}')) for number in range(6)]
    with doing(hurried(site, workers=3), work) as doer:
        for run in runs:
            ended(site, run)
    assert doer.operator.most == 3


def test_one_of_a_stack(site: Site) -> None:
    """Runs of one stack are done one after the other, in their order."""
    first = site.platform.create(ANNA, order())
    waiting = NewRun('refresh', queue=True)
    others = [site.platform.start(ANNA, 'one', waiting) for _ in range(4)]
    with doing(hurried(site, workers=3)) as doer:
        ended(site, others[-1])
    assert [task.run_id for task in doer.operator.tasks] == [each.id for each in [first, *others]]
    assert doer.operator.most == 1


def test_many_services(site: Site) -> None:
    """Several services share a queue, and each run is done once."""
    runs = [site.platform.create(ANNA, order(f's{number}')) for number in range(30)]
    with doing(site, name='a') as a, doing(site, name='b') as b:
        for run in runs:
            assert ended(site, run).attempts == 1
    done = [task.run_id for each in (a, b) for task in each.operator.tasks]
    assert sorted(done) == sorted(run.id for run in runs)


def test_cancelled(site: Site) -> None:
    """A run under way is told that it shall end, and ends as cancelled."""
    run = site.platform.create(ANNA, order())
    with doing(site, until_stopped):
        await_that(lambda: log_of(site, run) == 'working\n')
        site.platform.cancel(ANNA, run.id)
        assert ended(site, run).state == 'cancelled'
    assert site.stack('one').state == 'incomplete'


def test_put_off(site: Site) -> None:
    """A service that ends puts off what runs, which is done later as the same attempt."""
    run = site.platform.create(ANNA, order())
    with doing(site, until_stopped) as first:
        await_that(lambda: first.operator.now)
    put_off = site.platform.run(ANNA, run.id)
    assert (put_off.state, put_off.attempts) == ('queued', 0)
    with doing(site, name='next') as second:
        assert ended(site, run).attempts == 1
    assert log_of(site, run) == 'working\nupdate of one\n'
    assert [(task.is_repeated, task.is_unsure) for task in first.operator.tasks] == [(False, False)]
    [task] = second.operator.tasks
    assert (task.is_repeated, task.is_unsure, task.hosts) == (False, True, frozenset({'next'}))


def test_no_run_while_draining(site: Site) -> None:
    """A service that ends takes no further run."""
    with doing(site) as doer:
        doer.dispatcher.drain()
        run = site.platform.create(ANNA, order())
        doer.dispatcher.join()
    assert site.platform.run(ANNA, run.id).state == 'queued'


def test_dying_engine(site: Site) -> None:
    """A run whose engine dies is tried three times, and then told as interrupted."""
    run = site.platform.create(ANNA, order())
    with doing(site, ending('')) as doer:
        found = ended(site, run)
    assert (found.state, found.attempts) == ('interrupted', 3)
    assert found.error
    assert [task.is_repeated for task in doer.operator.tasks] == [False, True, True]
    assert log_of(site, run).count('of 3 to do this run') == 2
    assert site.stack('one').state == 'incomplete'


def test_failure_that_may_pass(site: Site) -> None:
    """A run whose engine does not start is tried three times, and then tells that."""
    error = {'message': 'it does not start', 'resource': None, 'detail': ''}
    run = site.platform.create(ANNA, order())
    with doing(site, lambda *_: Outcome('failed', error=error, may_pass=True)):
        found = ended(site, run)
    assert (found.state, found.attempts, found.error) == ('failed', 3, error)
    assert log_of(site, run).count('this run is done again') == 2


@pytest.mark.parametrize(('operation', 'state'), [('update', 'incomplete'), ('preview', 'ready')])
def test_defect(site: Site, operation: str, state: str) -> None:
    """A defect of the service ends the run as failed, without its words, and no other run."""

    def work(task: Task, course: Course, stop: Stop) -> Outcome:
        raise KeyError('planted')

    with doing(site) as doer:
        ended(site, site.platform.create(ANNA, order()))
        doer.operator.work = work
        run = ended(site, site.platform.start(ANNA, 'one', NewRun(operation)))
        assert run.state == 'failed'
        assert 'planted' not in str(run)
        assert site.stack('one').state == state
        doer.operator.work = ending('succeeded')
        assert ended(site, site.platform.create(ANNA, order('two'))).state == 'succeeded'
        assert sum('worker' in thread.name for thread in threading.enumerate()) >= 2
