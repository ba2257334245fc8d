"""Damaged or occupied state: locks, checkpoints, stack settings, disk, clock, passphrase."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path

import pytest

from tests.disks import fill, small_disk
from tests.faults.held import Held, await_that, serving_held
from tests.paths import ROOT
from tests.problem import assert_problem

PROGRAM = ROOT / 'tests' / 'programs' / 'held'
DEAD = 2**22 + 1  # above the largest pid that Linux gives out


def lock(held: Held, host: str, pid: int, at: str = '') -> Path:
    """Lock the first slot's stack as a Pulumi process would."""
    folder = held.service.state / 'backend/.pulumi/locks/organization/held'
    file = folder / held.service.settings['STACK'] / '00000000-0000-4000-8000-000000000000.json'
    file.parent.mkdir(parents=True, exist_ok=True)
    now = datetime.now(timezone.utc).isoformat(timespec='seconds')
    content = {'pid': pid, 'username': 'me', 'hostname': host, 'timestamp': at or now}
    file.write_text(json.dumps(content))
    return file


@pytest.fixture(scope='module')
def held(tmp_path_factory: pytest.TempPathFactory, mode: str) -> Iterator[Held]:
    """A service for those that leave it as it was, which each of them sees to itself."""
    with serving_held(tmp_path_factory.mktemp('held'), ENGINE=mode, SLOTS='1') as held:
        yield held


def test_stale_lock(held: Held) -> None:
    """The lock of a dead process of this host is removed."""
    held.assert_serves()
    lock(held, socket.gethostname(), DEAD)
    assert held.service.get('/uuid').status_code == 503
    held.assert_clean()


def test_stale_lock_of_no_stack(held: Held) -> None:
    """The lock of a process that died when it had removed its stack is removed."""
    held.assert_serves()
    [checkpoint] = held.checkpoints()
    checkpoint.unlink()
    lock(held, socket.gethostname(), DEAD)
    assert held.service.get('/uuid').status_code == 503
    held.assert_clean()
    assert [file.name for file in held.checkpoints()] == [checkpoint.name]


@pytest.mark.parametrize('owner', ['live', 'foreign'])
def test_lock_of_another(tmp_path: Path, mode: str, owner: str) -> None:
    """The lock of a live process, or of another host, is never touched."""
    with serving_held(tmp_path, ENGINE=mode) as held:
        held.assert_serves()
        host, pid = (socket.gethostname(), os.getpid()) if owner == 'live' else ('elsewhere', DEAD)
        file = lock(held, host, pid)
        held.assert_serves()
        held.assert_serves()
        assert held.locks() == [file]
        assert held.resources() == []


@pytest.mark.slow
def test_lock_that_is_freed_later(tmp_path: Path, mode: str) -> None:
    """A stack set aside for a lock that may be alive is recovered when its owner has ended."""
    with serving_held(tmp_path, ENGINE=mode, SLOTS='1') as held:
        held.assert_serves()
        owner = subprocess.Popen(['sleep', '600'])
        try:
            file = lock(held, socket.gethostname(), owner.pid)
            held.assert_serves()
            held.assert_serves()
            assert held.locks() == [file]
        finally:
            owner.kill()
            owner.wait()
        await_that(lambda: not held.locks())
        held.assert_clean()


def test_lock_of_an_earlier_boot(held: Held) -> None:
    """A lock that is older than the process which has its owner's number now is removed."""
    held.assert_serves()
    lock(held, socket.gethostname(), os.getpid(), at='2020-11-23T12:00:00Z')
    held.assert_clean()
    assert len(held.checkpoints()) == 1


def test_truncated_checkpoint(tmp_path: Path, mode: str) -> None:
    """A truncated checkpoint takes one stack out of service, and is left for a person to see."""
    with serving_held(tmp_path, ENGINE=mode) as held:
        held.assert_serves()
        [checkpoint] = held.checkpoints()
        broken = checkpoint.read_bytes()[:40]
        checkpoint.write_bytes(broken)
        backup = checkpoint.with_suffix('.json.bak').read_bytes()
        answer = held.service.get('/uuid')
        assert_problem(answer.status_code, answer.headers, answer.json(), answer.status_code)
        held.assert_serves()
        held.assert_serves()
        assert checkpoint.read_bytes() == broken
        assert checkpoint.with_suffix('.json.bak').read_bytes() == backup


def test_truncated_stack_settings(tmp_path: Path, mode: str) -> None:
    """Truncated stack settings do not get a new salt behind our back."""
    with serving_held(tmp_path, ENGINE=mode) as held:
        held.assert_serves()
        settings = PROGRAM / f'Pulumi.{held.service.settings["STACK"]}.yaml'
        before = salt(settings)
        settings.write_text('')
        held.assert_clean()
        assert salt(settings) == before


def salt(settings: Path) -> str:
    found = re.search('encryptionsalt: (.+)', settings.read_text())
    assert found, settings.read_text()
    return found[1]


def test_wrong_passphrase(tmp_path: Path, mode: str) -> None:
    """A wrong passphrase is told by readiness and by 503, and leaves the state as it was."""
    phrase = tmp_path / 'phrase'
    phrase.write_text('right')
    with serving_held(tmp_path, ENGINE=mode, PULUMI_CONFIG_PASSPHRASE_FILE=str(phrase)) as held:
        held.assert_serves()
        before = [path.read_bytes() for path in held.checkpoints()]
        phrase.write_text('wrong')
        held.service.assert_refused(503, '/readyz')
        held.service.assert_refused(503)
        assert [path.read_bytes() for path in held.checkpoints()] == before
        phrase.write_text('right')
        held.assert_clean()


def test_ready_while_stacks_change(held: Held) -> None:
    """Files that come and go in the backend, as they do in every run, are no fault of it."""
    held.assert_serves()
    # The stack itself goes with its history now and then.
    [stacks] = (held.service.state / 'backend/.pulumi/stacks').iterdir()
    done = threading.Event()

    def change() -> None:
        while not done.is_set():
            for number in range(100):
                (stacks / f'busy-{number}.json.tmp').touch()
            for number in range(100):
                (stacks / f'busy-{number}.json.tmp').unlink()

    with ThreadPoolExecutor(1) as pool:
        changing = pool.submit(change)
        ready = held.service.get('/readyz')
        done.set()
        changing.result()
    assert ready.status_code == 200, held.service.log()


def test_disk_full(tmp_path: Path, mode: str) -> None:
    """A full disk is an error in bounded time; with room again, service goes on."""
    given = {'ENGINE': mode, 'RUN_TIMEOUT': '15', 'DESTROY_TIMEOUT': '15'}
    with small_disk(tmp_path / 'disk', 24) as disk, serving_held(disk, **given) as held:
        held.assert_serves()
        filler = fill(disk)
        answer = held.service.get('/uuid')
        assert answer.status_code in (502, 503, 504)
        filler.unlink()
        held.assert_clean()


def test_clock_steps_back(held: Held) -> None:
    """After the clock stepped back, older updates seem newer: answers are right all the same."""
    held.assert_serves()
    history = held.service.state / 'backend/.pulumi/history'
    ahead = time.time_ns() + 3600 * 10**9
    for file in [path for path in history.rglob('*.json') if path.is_file()]:
        name = re.sub(r'-(\d{19})\.', f'-{ahead}.', file.name)
        assert name != file.name
        file.rename(file.with_name(name))
    values = {held.service.get('/uuid').json()['response'] for _ in range(3)}
    assert len(values) == 3
    held.assert_clean()
