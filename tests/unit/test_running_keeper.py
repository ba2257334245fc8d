"""What happens beside the runs: taking over from the dead, and a database that is away."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from stacks.moments import now
from stacks.operation.course import Course
from stacks.operation.stopping import Stop
from stacks.operation.task import Outcome, Task
from stacks.records import Run
from stacks.requests import NewRun
from stacks.running.presence import FilePresence
from tests.doers import Doer, FakeOperator, await_that, doing, succeed, until_stopped
from tests.records import ANNA, Site, order

DEAD = 'a-service-that-is-not-there'
TOOK_OVER = 'The service that did this run has died.\n'


@pytest.fixture
def run(site: Site) -> Run:
    """The run that makes the stack `one`."""
    return site.platform.create(ANNA, order())


def left(site: Site, run: Run, **values: Any) -> None:
    """Have a run be as a service leaves it that dies in its midst."""
    number = site.runs('one')[0].number
    given = {'state': 'running', 'executor': DEAD, 'attempts': 1, 'started_at': now()}
    site.change_run(run.id, **{**given, **values})
    site.change_stack('one', changed_by=number)


def ended(site: Site, run: Run) -> Run:
    found = site.platform.wait(ANNA, run.id, 20)
    assert found.has_ended
    return found


def log_of(site: Site, run: Run) -> str:
    return site.platform.log(ANNA, run.id, 0, 2**20).text


def test_taken_over(site: Site, run: Run) -> None:
    """The runs of a dead service are begun again, and say so."""
    left(site, run)
    with doing(site) as doer:
        found = ended(site, run)
    assert (found.state, found.attempts) == ('succeeded', 2)
    assert log_of(site, run) == (f'{TOOK_OVER}Attempt 2 of 3 to do this run.\nupdate of one\n')
    [task] = doer.operator.tasks
    assert (task.is_repeated, task.is_unsure) == (True, True)
    assert site.stack('one').state == 'ready'


def test_alive(site: Site, run: Run) -> None:
    """The runs of a service that lives are left alone."""
    other = FilePresence(site.settings.state_dir / 'services', 'other')
    left(site, run, executor='other')
    doer = Doer(site, FakeOperator())
    doer.keeper._take_over()
    assert site.platform.run(ANNA, run.id).state == 'running'
    other.close()
    doer.keeper._take_over()
    assert site.platform.run(ANNA, run.id).state == 'queued'
    doer.presence.close()


@pytest.mark.parametrize(('operation', 'state'), [('update', 'incomplete'), ('preview', 'ready')])
def test_third_death(site: Site, run: Run, operation: str, state: str) -> None:
    """A run that took three services with it is not begun again, and other runs go on."""
    left(site, run, operation=operation, attempts=3)
    site.change_stack('one', state='ready')
    with doing(site):
        found = ended(site, run)
        assert (found.state, found.attempts) == ('interrupted', 3)
        assert site.stack('one').state == state
        assert ended(site, site.platform.start(ANNA, 'one', NewRun('update'))).state == 'succeeded'


def test_cancelled_before_death(site: Site, run: Run) -> None:
    """A run that was to end when its service died ends when it is begun again."""
    left(site, run, cancel=1)
    with doing(site, until_stopped):
        assert ended(site, run).state == 'cancelled'


def test_many_take_over(site: Site, run: Run) -> None:
    """Services that see the same death at once begin its runs again once."""
    left(site, run)
    doers = [Doer(site, FakeOperator(), f'service-{number}') for number in range(8)]
    threads = [threading.Thread(target=each.keeper._take_over) for each in doers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log_of(site, run) == TOOK_OVER
    assert site.runs('one')[0].attempts == 1
    for each in doers:
        each.presence.close()


def test_lost(site: Site, run: Run) -> None:
    """A service that was taken for dead stops what it does, and stores nothing of it any more."""
    another = FilePresence(site.settings.state_dir / 'services', 'another')
    with doing(site, until_stopped) as doer:
        await_that(lambda: log_of(site, run) == 'working\n')
        site.change_run(run.id, executor='another')
        [running] = doer.dispatcher.running
        running.course.line('too late')
        await_that(lambda: not doer.dispatcher.running)
        found = site.platform.run(ANNA, run.id)
        assert (found.state, log_of(site, run)) == ('running', 'working\n')
    another.close()


def test_seen_by_nobody(site: Site, run: Run) -> None:
    """A service that others may take for dead puts off what it does."""
    with doing(site, until_stopped) as doer:
        await_that(lambda: doer.operator.now)
        doer.presence.is_sure = lambda: False  # type: ignore[method-assign]
        doer.operator.work = succeed
        assert ended(site, run).state == 'succeeded'


def lines(task: Task, course: Course, stop: Stop) -> Outcome:
    for number in range(300):
        course.line(f'line {number}')
        stop.wait(0.005)
    return Outcome('succeeded')


EVERY_LINE = ''.join(f'line {number}\n' for number in range(300))


def test_log_meanwhile(site: Site, run: Run) -> None:
    """A log grows while its run is under way, and is whole at its end."""
    with doing(site, lines):
        await_that(lambda: 'line 9\n' in log_of(site, run))
        assert site.platform.run(ANNA, run.id).state == 'running'
        ended(site, run)
    assert log_of(site, run) == EVERY_LINE


def test_database_away(site: Site, run: Run) -> None:
    """While the database does not answer, runs go on, and nothing of them is lost."""
    with doing(site, lines) as doer:
        await_that(lambda: log_of(site, run))
        doer.database.is_away = True
        await_that(lambda: not doer.operator.now)
        assert site.platform.run(ANNA, run.id).state == 'running'
        doer.database.is_away = False
        assert ended(site, run).state == 'succeeded'
    assert log_of(site, run) == EVERY_LINE


@pytest.mark.parametrize('is_done', [False, True], ids=['not done', 'done'])
def test_lost_commits(site: Site, run: Run, is_done: bool) -> None:
    """A commit whose answer is lost costs no line, whether it was done or not."""
    with doing(site, lines) as doer:
        doer.database.is_done = is_done
        for _ in range(3):
            doer.database.lost = 1
            await_that(lambda: not doer.database.lost)
        await_that(lambda: not doer.operator.now or 'line 290' in log_of(site, run))
        assert ended(site, run).state == 'succeeded'
    assert log_of(site, run) == EVERY_LINE


@pytest.mark.parametrize('is_done', [False, True], ids=['not done', 'done'])
def test_lost_claim(site: Site, run: Run, is_done: bool) -> None:
    """A run that was taken in a commit whose answer is lost is done, and so is the next one."""
    doer = Doer(site, FakeOperator(lines))
    doer.database.lost, doer.database.is_done = 1, is_done
    doer.start()
    assert ended(site, run).state == 'succeeded'
    again = site.platform.start(ANNA, 'one', NewRun('update'))
    assert ended(site, again).attempts == 1
    doer.close()
    assert len(doer.operator.tasks) == 2


def test_lost_end(site: Site, run: Run) -> None:
    """An end that could not be stored at first is stored later, with its log."""

    def work(task: Task, course: Course, stop: Stop) -> Outcome:
        course.line('the last word')
        doer.database.lost = 2
        return Outcome('succeeded')

    doer = Doer(site, FakeOperator(work))
    doer.start()
    assert ended(site, run).state == 'succeeded'
    doer.close()
    assert log_of(site, run) == 'the last word\n'


def test_late_at_shutdown(site: Site, run: Run) -> None:
    """What has had the time of a run since a shutdown began is put off."""
    object.__setattr__(site.settings, 'run_timeout', 0.1)
    doer = Doer(site, FakeOperator(until_stopped))
    doer.start()
    await_that(lambda: doer.operator.now)
    doer.dispatcher.drain()
    doer.dispatcher.join()
    assert site.platform.run(ANNA, run.id).state == 'queued'
    doer.close()
