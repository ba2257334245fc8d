"""Stacks that expire: also while nobody is there, and when they cannot be destroyed."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.faults.held import await_that
from tests.faults.lasting import Lasting, lasting
from tests.platform import inputs


def destroys(here: Lasting, stack: str) -> list[dict[str, Any]]:
    """Return the destroys of a stack that have ended, the first one first."""
    found = here.client.get(f'/runs?stack={stack}&operation=destroy')['items']
    return [run for run in reversed(found) if run['ended_at']]


def is_gone(here: Lasting, stack: str) -> bool:
    return here.client.call('GET', f'/stacks/{stack}').status_code == 404


def patch(here: Lasting, stack: str, **changes: Any) -> None:
    answer = here.client.call('PATCH', f'/stacks/{stack}', json=changes, headers=MERGE)
    assert answer.status_code == 200, answer.text


# Seconds, enough for some requests wherever a test runs.
LEAD = 6.0
MERGE = {'Content-Type': 'application/merge-patch+json'}


def in_seconds(seconds: float) -> str:
    return time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(time.time() + seconds))


def test_expired_while_the_service_was_down(tmp_path: Path, mode: str) -> None:
    """What expired while the service was down is destroyed soon after its start, and no other."""
    with lasting(tmp_path, ENGINE=mode) as here:
        for name in ('due', 'later', 'protected', 'lasting'):
            here.client.done(here.client.create(name, inputs('a')))
        patch(here, 'later', expires_at=in_seconds(LEAD))
        patch(here, 'later', ttl='8h')
        patch(here, 'protected', expires_at=in_seconds(LEAD), protected=True)
        patch(here, 'due', expires_at=in_seconds(LEAD))
        here.kill()
        time.sleep(LEAD)
        assert (here.files / 'stack.due-a').exists()
        here.start()
        await_that(lambda: is_gone(here, 'due'))
        [run] = destroys(here, 'due')
        assert (run['state'], run['reason'], run['caller']) == ('succeeded', 'expired', 'local')
        assert not [each for each in ('later', 'protected', 'lasting') if destroys(here, each)]
        here.assert_files()
        patch(here, 'protected', protected=False)
        await_that(lambda: is_gone(here, 'protected'))
        here.end()


@pytest.mark.slow
def test_expired_and_not_destroyed(tmp_path: Path, mode: str) -> None:
    """A destroy at the end of a stack's time is tried again, later each time, until it succeeds."""
    with lasting(tmp_path, ENGINE=mode, EXPIRY_RETRY='1') as here:
        here.client.done(here.client.create('stuck', inputs('a')))
        (here.files / 'fail-delete').touch()
        patch(here, 'stuck', expires_at=in_seconds(2))
        await_that(lambda: len(destroys(here, 'stuck')) == 3)
        assert here.client.get('/stacks/stuck')['state'] == 'failed'
        here.assert_files()
        (here.files / 'fail-delete').unlink()
        await_that(lambda: is_gone(here, 'stuck'))
        runs = destroys(here, 'stuck')
        assert [run['state'] for run in runs] == [*['failed'] * 3, 'succeeded']
        assert {run['reason'] for run in runs} == {'expired'}
        begun = [moment(run['created_at']) for run in runs]
        pauses = [after - before for before, after in pairwise(begun)]
        assert pauses[0] > 0.9
        assert pauses[1] > 1.9
        assert pauses[2] > 3.9
        here.end()


def moment(text: str) -> float:
    whole, _, part = text.rstrip('Z').partition('.')
    return time.mktime(time.strptime(whole, '%Y-%m-%dT%H:%M:%S')) + float(f'0.{part or 0}')


@pytest.mark.slow
def test_extended_in_time(tmp_path: Path, mode: str) -> None:
    """A stack whose time is extended while a run delays its destroy is not destroyed."""
    with lasting(tmp_path, ENGINE=mode, WORKERS='1') as here:
        here.client.done(here.client.create('web', inputs('a')))
        with here.held():
            run = here.client.start('web', 'update', inputs={'text': 'new'})
            here.wait_until_held('update')
            patch(here, 'web', expires_at=in_seconds(2))
            time.sleep(3)
            patch(here, 'web', ttl=None)
        here.client.done(run)
        time.sleep(2.5)
        assert destroys(here, 'web') == []
        here.assert_files()
        here.end()
