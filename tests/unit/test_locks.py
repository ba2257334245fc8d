"""Whose lock it is, and when its owner is known to be dead."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from workspaces.locks import Owner, owners

HERE = socket.gethostname()
DEAD = 2**22 + 1  # above the largest pid that Linux gives out


@pytest.fixture
def other() -> Iterator[int]:
    """A process that lives, started now."""
    process = subprocess.Popen(['sleep', '60'])
    yield process.pid
    process.kill()
    process.wait()


def test_message() -> None:
    """Host, process and time of every lock are read from Pulumi's message."""
    head = 'error: the stack is currently locked by 2 lock(s). Either wait or ...'
    first = '  file:///a.json: created by me@here.local (pid 12) at 2026-11-23T12:00:00Z'
    second = '  file:///b.json: created by my self@there (pid 13) at 2026-11-23T13:00:00+01:00'
    assert owners('\n'.join([head, first, second])) == [
        Owner('here.local', 12, 1795435200.0),
        Owner('there', 13, 1795435200.0),
    ]


def test_unreadable_among_others() -> None:
    """Where one lock cannot be read, nothing is known of any."""
    good = 'created by me@here (pid 12) at 2026-11-23T12:00:00Z'
    assert owners(good)
    assert owners(f'{good}\n created by somebody') == []
    assert owners('created by me@here (pid 12) at noon') == []


def test_living(other: int) -> None:
    """A process that lived when it took the lock is not dead."""
    assert not Owner(HERE, other, time.time()).is_dead(ours=())
    assert not Owner(HERE, 1, time.time()).is_dead(ours=())


def test_gone(other: int) -> None:
    """A number without a process has no owner; one of another host cannot be judged."""
    assert Owner(HERE, DEAD, time.time()).is_dead(ours=())
    assert not Owner('elsewhere', DEAD, time.time()).is_dead(ours=())
    assert not Owner('elsewhere', other, 0.0).is_dead(ours=())


def test_zombie() -> None:
    """A process that has ended, but that nobody asked for yet, uses no stack."""
    process = subprocess.Popen(['true'])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert Owner(HERE, process.pid, time.time()).is_dead(ours=())
    process.wait()


def test_number_given_out_again(other: int) -> None:
    """A process that is younger than the lock has only its owner's number."""
    assert Owner(HERE, other, time.time() - 3600).is_dead(ours=())
    assert not Owner(HERE, other, time.time() - 1).is_dead(ours=())


def test_thread() -> None:
    """The number of a thread is no process's."""
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    assert thread.native_id
    try:
        assert Owner(HERE, thread.native_id, time.time()).is_dead(ours=())
    finally:
        done.set()
        thread.join()


def test_own(other: int) -> None:
    """A process of our own that does nothing on the stack is not its owner."""
    assert Owner(HERE, other, time.time()).is_dead(ours={other: 1})
