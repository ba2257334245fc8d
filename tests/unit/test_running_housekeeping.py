"""What is due by the clock: stacks whose time is over, looks at drift, and what is old."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stacks.moments import now
from stacks.operation.snapshots import Snapshots
from stacks.operation.task import Outcome
from stacks.records import Run
from stacks.requests import Key
from stacks.running.housekeeping import Housekeeping
from tests import records
from tests.doers import doing
from tests.records import ANNA, Site, order

LONG_AGO = timedelta(days=40)


@contextmanager
def made(folder: Path, **given: Any) -> Iterator[Site]:
    site = records.site(folder, **given)
    yield site
    site.database.close()


@pytest.fixture
def run(site: Site) -> Run:
    """The run that made the stack `one`, whose time is over now."""
    return add(site, 'one', expires_at=now())


def add(site: Site, name: str, **values: Any) -> Run:
    """Make a stack that is ready, and return the run that made it."""
    run = site.platform.create(ANNA, order(name))
    site.change_run(run.id, state='succeeded', ended_at=now())
    site.change_stack(name, state='ready', **values)
    return run


def keep(site: Site, is_all: bool = False) -> Housekeeping:
    """Return the housekeeping of a service; with `is_all`, what is seldom done is due too."""
    snapshots = Snapshots(site.settings.state_dir / 'programs')
    housekeeping = Housekeeping(site.settings, site.database, snapshots)
    if is_all:
        housekeeping._clean_at = 0.0
    return housekeeping


def operations(site: Site, name: str = 'one') -> list[str]:
    return [row.operation for row in site.runs(name)]


def test_expired(site: Site, run: Run) -> None:
    """A stack whose time is over is destroyed, in its owner's name and with the reason."""
    assert keep(site).tend()
    row = site.runs('one')[-1]
    assert (row.operation, row.caller, row.reason) == ('destroy', 'anna', 'expired')
    with doing(site):
        assert site.platform.wait(ANNA, row.id, 20).state == 'succeeded'
    assert not keep(site).tend()


def test_not_yet(site: Site, run: Run) -> None:
    """A stack whose time is not over, or that has none, stays."""
    for moment in (now() + timedelta(minutes=1), None):
        site.change_stack('one', expires_at=moment)
        assert not keep(site).tend()
    assert operations(site) == ['update']


def test_busy(site: Site, run: Run) -> None:
    """A stack with a run under way is destroyed after that."""
    site.change_run(run.id, state='running')
    assert not keep(site).tend()
    site.change_run(run.id, state='failed')
    assert keep(site).tend()


def test_many_services(site: Site, run: Run) -> None:
    """Several services that see the same stack expire order one destroy of it."""
    services = [keep(site) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(Housekeeping.tend, services)) == 1
    assert operations(site) == ['update', 'destroy']


def test_seen_to_meanwhile(site: Site, run: Run) -> None:
    """A service that is late orders no second destroy right after the first one failed."""
    late = keep(site)
    assert keep(site).tend()
    site.change_run(site.runs('one')[-1].id, state='failed')
    assert not late._destroy('one')


def delay(site: Site) -> float:
    """Return in how many seconds a failed destroy is tried again."""
    moment: datetime = site.stack('one').expiry_retry_at
    return round((moment - now()).total_seconds())


def fail_again(site: Site, failures: int) -> None:
    """Have the last destroy of a stack be one that failed after so many."""
    site.change_run(site.runs('one')[-1].id, state='failed')
    site.change_stack('one', expiry_failures=failures, expiry_retry_at=now(), state='failed')


@pytest.mark.parametrize(
    ('failures', 'seconds'),
    [(0, 60), (1, 120), (2, 240), (5, 1920), (6, 3600), (40, 3600), (5000, 3600)],
)
def test_tried_again(site: Site, run: Run, failures: int, seconds: float) -> None:
    """A destroy that fails is tried again after twice the time each, at most an hour."""
    fail_again(site, failures)
    assert keep(site).tend()
    assert delay(site) == seconds


def test_waits_between(site: Site, run: Run) -> None:
    """Until then, nothing is tried."""
    assert keep(site).tend()
    site.change_run(site.runs('one')[-1].id, state='failed')
    assert not keep(site).tend()


def test_failures_are_counted(site: Site, run: Run) -> None:
    """Each destroy that fails counts."""
    site.change_stack('one', expiry_failures=2)
    assert keep(site).tend()
    site.change_run(site.runs('one')[-1].id, inputs={'plain': {}, 'secret': {}})
    with doing(site, fail):
        site.platform.wait(ANNA, site.runs('one')[-1].id, 20)
    assert site.stack('one').expiry_failures == 3


def fail(*_: object) -> Outcome:
    return Outcome('failed')


def test_extended(site: Site, run: Run) -> None:
    """A stack that gets more time stays, and what was tried in vain is forgotten."""
    fail_again(site, 5)
    site.platform.change(ANNA, 'one', {'ttl': '1h'}, None)
    assert not keep(site).tend()
    site.change_stack('one', expires_at=now())
    assert keep(site).tend()
    assert delay(site) == 60


def test_drift(tmp_path: Path) -> None:
    """Ready stacks with which nothing was done for so long are looked at, and no others."""
    with made(tmp_path, drift_check='1d') as site:
        for name, state in (('old', 'ready'), ('failed', 'failed'), ('new', 'ready')):
            run = add(site, name)
            site.change_stack(name, state=state)
            if name != 'new':
                site.change_run(run.id, created_at=now() - LONG_AGO)
        assert keep(site, is_all=True).tend()
        row = site.runs('old')[-1]
        assert (row.operation, row.accept, row.reason) == ('refresh', False, 'drift check')
        assert operations(site, 'failed') == operations(site, 'new') == ['update']
        assert not keep(site, is_all=True).tend()


def test_no_drift_check(site: Site, run: Run) -> None:
    """Without the setting, nobody looks."""
    site.change_stack('one', expires_at=None)
    site.change_run(run.id, created_at=now() - LONG_AGO)
    assert not keep(site, is_all=True).tend()


def test_retention(site: Site, run: Run) -> None:
    """Runs are removed so long after their end, but for the last one of each stack."""
    site.change_stack('one', expires_at=None)
    second = site.platform.create(ANNA, order('two'))
    for each in (run, second):
        site.change_run(each.id, state='succeeded', ended_at=now() - LONG_AGO)
    site.change_stack('one', last_run=None)
    keep(site, is_all=True).tend()
    assert (operations(site), operations(site, 'two')) == ([], ['update'])


def test_keys(site: Site) -> None:
    """A key is forgotten after a day, and may then be used for something else."""
    site.platform.create(ANNA, order(key=Key('mine', 'one')))
    keep(site, is_all=True)._clean()
    assert site.platform.create(ANNA, order(key=Key('mine', 'one'))).stack == 'one'
    later = Site(replace(site.settings), site.catalogue, site.database)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('stacks.running.housekeeping.KEYS_KEPT', timedelta())
        keep(later)._clean()
    assert site.platform.create(ANNA, order('two', key=Key('mine', 'two'))).stack == 'two'
