"""Runs of migrations are done as all others: stored meanwhile, cancelled, put off, taken over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from migrations.progress import Progress
from migrations.running import Result
from stacks.migrating.account import Account, Job
from stacks.operation.course import Course
from stacks.operation.stopping import Stop
from stacks.operation.task import Outcome
from stacks.records import Migration, own_error
from stacks.requests import End, NewMigration
from stacks.store import migrations
from tests.doers import Doer, FakeOperator, await_that
from tests.records import ANNA, Site, order

PATIENCE = 60.0
WISH = NewMigration(End(url='sqlite:///data/a.db'), End(url='postgresql://a:planted@db/x'))
Keep = Callable[[], None]
Work = Callable[[Job, Account, Course, Stop, Keep], Outcome]


class FakeMigrator:
    """Does each run as `work` says, and remembers the jobs."""

    def __init__(self, work: Work) -> None:
        self.perform_one = work
        self.jobs: list[Job] = []

    def course(self, job: Job, log_size: int) -> Course:
        return Course(log_size)

    def perform(
        self, job: Job, account: Account, course: Course, stop: Stop, keep: Keep
    ) -> Outcome:
        self.jobs.append(job)
        return self.perform_one(job, account, course, stop, keep)


@pytest.fixture
def site(site: Site) -> Site:
    allowed: dict[str, Any] = {'migration_hosts': 'db', 'migration_folders': '/data'}
    return replace(site, settings=replace(site.settings, **allowed))


@contextmanager
def doing(site: Site, work: Work, name: str = 'me') -> Iterator[FakeMigrator]:
    """Have a site's migrations done in the body."""
    migrator = FakeMigrator(work)
    doer = Doer(site, FakeOperator(), name, migrator)
    doer.start()
    try:
        yield migrator
    finally:
        doer.close()


def now(site: Site, migration: Migration) -> Migration:
    return site.platform.migrations.one(ANNA, migration.id)


def ended(site: Site, migration: Migration) -> Migration:
    await_that(lambda: now(site, migration).has_ended)
    return now(site, migration)


def succeed(job: Job, account: Account, course: Course, stop: Stop, keep: Keep) -> Outcome:
    course.line('moving')
    account.progress(Progress('copy', 1, 2, 0.5, None))
    account.result(Result(job.staging, 2, (), 'old'))
    keep()
    return Outcome('succeeded')


def until_stopped(job: Job, account: Account, course: Course, stop: Stop, keep: Keep) -> Outcome:
    account.progress(Progress('copy', 1, 2, 0.5, 2.0))
    stop.wait(PATIENCE)
    return Outcome('cancelled' if stop.is_cancel else '')


def test_done(site: Site) -> None:
    """What was told of a migration is stored with its end, and its secrets are not any more."""
    found = site.platform.migrations.create(ANNA, WISH)
    with doing(site, succeed) as migrator:
        done = ended(site, found)
    assert (done.state, done.rows, done.backup) == ('succeeded', 2, 'old')
    assert done.progress == {
        **{'step': 'copy', 'rows': 1, 'total': 2, 'rate': 0.5, 'seconds_left': None},
    }
    assert site.platform.log(ANNA, done.run, 0, 99).text == 'moving\n'
    assert set(migrator.jobs[0].secret) == {'source', 'target'}
    with site.database.reading() as connection:
        row = migrations.by_id(connection, found.id)
    assert row is not None
    assert row.secret == {}


def test_progress_is_seen(site: Site) -> None:
    """How far a migration is, is seen while it runs; a cancel ends it, and it can be resumed."""
    found = site.platform.migrations.create(ANNA, WISH)
    with doing(site, until_stopped) as migrator:
        await_that(lambda: now(site, found).progress)
        site.platform.cancel(ANNA, found.run)
        assert ended(site, found).state == 'cancelled'
        migrator.perform_one = succeed
        site.platform.migrations.resume(ANNA, found.id)
        assert ended(site, found).state == 'succeeded'
    assert len({job.staging for job in migrator.jobs}) == 1


def test_put_off(site: Site) -> None:
    """A migration that a shutdown puts off waits again, with what was told, and is gone on with."""
    found = site.platform.migrations.create(ANNA, WISH)
    with doing(site, until_stopped):
        await_that(lambda: now(site, found).progress)
    waiting = now(site, found)
    assert (waiting.state, bool(waiting.progress)) == ('queued', True)
    with doing(site, succeed, 'next'):
        assert ended(site, found).state == 'succeeded'
    assert site.platform.run(ANNA, found.run).attempts == 1


def test_taken_over(site: Site) -> None:
    """The migration of a service that has died is done by another, as the same one."""
    found = site.platform.migrations.create(ANNA, WISH)
    site.change_run(found.run, state='running', executor='dead-1-x', attempts=1)
    with doing(site, succeed) as migrator:
        assert ended(site, found).state == 'succeeded'
    assert [job.run_id for job in migrator.jobs] == [found.run]
    log = site.platform.log(ANNA, found.run, 0, 999).text
    assert log.startswith('The service that did this run has died.\nAttempt 2')


def test_result_outlives_its_service(site: Site) -> None:
    """Whoever takes over a migration that was done already knows what it has brought."""

    def die(job: Job, account: Account, course: Course, stop: Stop, keep: Keep) -> Outcome:
        account.result(Result(job.staging, 2, (), ''))
        keep()
        return Outcome('')

    found = site.platform.migrations.create(ANNA, WISH)
    with doing(site, die) as migrator:
        ended(site, found)
    assert [job.result for job in migrator.jobs] == [None, *[{'rows': 2, 'backup': None}] * 2]


def test_failed_for_a_while(site: Site) -> None:
    """What has failed by a connection alone is tried again, and only so often."""

    def lose(job: Job, account: Account, course: Course, stop: Stop, keep: Keep) -> Outcome:
        return Outcome('failed', error=own_error('The connection was lost.'), may_pass=True)

    found = site.platform.migrations.create(ANNA, WISH)
    with doing(site, lose) as migrator:
        assert ended(site, found).state == 'failed'
    assert len(migrator.jobs) == 3


def test_defect(site: Site) -> None:
    """A defect ends a migration, which says so and can be resumed."""

    def break_down(job: Job, account: Account, course: Course, stop: Stop, keep: Keep) -> Outcome:
        raise ZeroDivisionError

    found = site.platform.migrations.create(ANNA, WISH)
    with doing(site, break_down):
        failed = ended(site, found)
    assert failed.error
    assert failed.error['message'].startswith('The service has a defect')


def test_abandoned(site: Site) -> None:
    """A migration is gone once its last trace is, and its runs stay."""

    def fail(job: Job, account: Account, course: Course, stop: Stop, keep: Keep) -> Outcome:
        return Outcome('failed', error=own_error('no'))

    found = site.platform.migrations.create(ANNA, WISH)
    with doing(site, fail) as migrator:
        ended(site, found)
        with site.database.writing() as connection:
            migrations.change(connection, found.id, plan={})
        migrator.perform_one = succeed
        begun = site.platform.migrations.abandon(ANNA, found.id)
        assert begun is not None
        assert site.platform.wait(ANNA, begun.run, 20).state == 'succeeded'
    assert site.platform.migrations.all(ANNA, 9, None).items == []
    assert site.platform.run(ANNA, found.run).state == 'failed'


def test_stacks_have_a_worker(site: Site) -> None:
    """However many migrations wait, one worker is left for stacks."""
    waiting = [site.platform.migrations.create(ANNA, WISH) for _ in range(3)]
    with doing(site, until_stopped):
        await_that(lambda: now(site, waiting[0]).progress)
        run = site.platform.create(ANNA, order())
        assert site.platform.wait(ANNA, run.id, 20).state == 'succeeded'
        assert [now(site, each).state for each in waiting] == ['running', 'queued', 'queued']
