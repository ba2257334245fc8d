"""What a slot's file remembers, and which processes of a dead owner are ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.doers import await_that
from warm_pulumi.processes import kill_session, start_time
from workspaces import leftovers
from workspaces.ownership import Ownership, Record

# A session's leader that starts a member, tells its number, and stays; `deaf` ignores interrupts.
LEADER = """
import signal, subprocess, sys, time
if 'deaf' in sys.argv:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
print(subprocess.Popen(['sleep', '600']).pid, flush=True)
time.sleep(600)
"""
Session = tuple[subprocess.Popen[str], int]


@pytest.fixture
def start() -> Iterator[Callable[..., Session]]:
    """Return a function that starts a session, as Pulumi's commands are, and its member."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str, **variables: str) -> Session:
        process = subprocess.Popen(
            [sys.executable, '-c', LEADER, *arguments],
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        assert process.stdout
        return process, int(process.stdout.readline())

    yield run
    for process in started:
        kill_session(process.pid)
        process.communicate()


def leave(path: Path, pid: int, *, home: str | None = None) -> None:
    """Write what an owner leaves that dies while a process drives Pulumi for it."""
    file = Ownership(path)
    file.end_leftovers()
    file.note_start(pid)
    if home:
        file._write(replace(file.record, home=home))
    file.close()


def test_made_by_many_at_once(tmp_path: Path) -> None:
    """Whoever gets a new file first finds a clean record, however many make it at that moment."""

    def own(path: Path) -> bool | None:
        try:
            file = Ownership(path)
        except BlockingIOError:
            return None
        try:
            return file.record.clean
        finally:
            file.close()

    with ThreadPoolExecutor(8) as pool:
        for number in range(200):
            found = set(pool.map(own, [tmp_path / f'dev-{number}'] * 8))
            assert True in found
            assert False not in found


def take_over(path: Path) -> None:
    file = Ownership(path)
    file.end_leftovers()
    assert file.record.processes == {}
    file.close()


@pytest.mark.parametrize('kind', ['', 'deaf'])
def test_living_leader(
    tmp_path: Path,
    start: Callable[..., Session],
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a dead owner left running is interrupted, then killed with its whole session."""
    monkeypatch.setattr(leftovers, 'CANCEL_GRACE', 0.5 if kind else 60.0)
    leader, member = start(kind)
    leave(tmp_path / 'dev', leader.pid)
    take_over(tmp_path / 'dev')
    expected = -signal.SIGKILL if kind else 1  # Python ends with a traceback.
    assert leader.wait(timeout=10) in (expected, -signal.SIGINT)
    assert start_time(member) is None


def test_dead_leader(tmp_path: Path, start: Callable[..., Session]) -> None:
    """What outlived its leader is killed where it carries the mark of our commands."""
    leader, member = start(PULUMI_AUTOMATION_API='true')
    leave(tmp_path / 'dev', leader.pid)
    leader.kill()
    leader.wait()
    take_over(tmp_path / 'dev')
    # One that is dying has no environment any more, by which it could be told from a stranger.
    await_that(lambda: start_time(member) is None)


def test_strangers(tmp_path: Path, start: Callable[..., Session]) -> None:
    """A session whose number our process once had is left alone, with its leader and without."""
    leader, member = start()
    file = Ownership(tmp_path / 'dev')
    file._write(Record(home=leftovers.home(), processes={leader.pid: 42}))
    file.close()
    take_over(tmp_path / 'dev')
    assert start_time(leader.pid)
    leave(tmp_path / 'dev', leader.pid)
    leader.kill()
    leader.wait()
    take_over(tmp_path / 'dev')
    assert start_time(member)


def test_another_boot(tmp_path: Path, start: Callable[..., Session]) -> None:
    """Numbers of another boot or namespace mean nothing here."""
    leader, member = start()
    leave(tmp_path / 'dev', leader.pid, home='another boot')
    take_over(tmp_path / 'dev')
    assert start_time(leader.pid)
    assert start_time(member)


def test_gone(tmp_path: Path) -> None:
    """The numbers of a dead owner's processes are known until the slot is clean again."""
    path = tmp_path / 'dev'
    leave(path, os.getpid(), home='another container')
    file = Ownership(path)
    file.mark(clean=False)
    file.end_leftovers()
    assert file.idle == {os.getpid()}
    file.close()
    again = Ownership(path)
    again.end_leftovers()
    assert again.idle == {os.getpid()}, 'also after a second crash'
    again.mark(clean=True)
    assert again.idle == set()
    again.close()


def test_ended(tmp_path: Path, start: Callable[..., Session]) -> None:
    """A process that ended is forgotten, and others are not."""
    one, _ = start()
    two, _ = start()
    file = Ownership(tmp_path / 'dev')
    for each in (one, two):
        file.note_start(each.pid)
    file.note_end(one.pid)
    assert list(file.record.processes) == [two.pid]
    file.close()
    reopened = Ownership(tmp_path / 'dev')
    assert list(reopened.record.processes) == [two.pid]
    reopened.close()


def test_killed_as_it_wrote(tmp_path: Path) -> None:
    """Killed between any two steps of a write, a file never says clean when it was not."""
    path = tmp_path / 'dev'
    file = Ownership(path)
    file.mark(clean=True)
    file.note_start(os.getpid())
    before = path.read_bytes()
    file.note_end(os.getpid())
    file.mark(clean=False)
    after = path.read_bytes()
    file.close()
    assert len(before) > len(after), 'the case in which there is something to cut off'
    path.write_bytes(after + before[len(after) :])
    torn = Ownership(path)
    assert torn.record == Record(clean=False)
    torn.close()


@pytest.mark.parametrize(
    'text', ['', '{}', '[]', '{"clean": true, "pid": 5, "started": 42}', 'true']
)
def test_unknown_content(tmp_path: Path, text: str) -> None:
    """What another version wrote counts as unclean."""
    (tmp_path / 'dev').write_text(text)
    file = Ownership(tmp_path / 'dev')
    assert file.record == Record(clean=False)
    file.close()
