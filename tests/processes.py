"""Processes by their ids: who descends from whom, and a sure end for a tree."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

FREEZE_DEADLINE = 10.0
END_DEADLINE = 10.0
TICKS = os.sysconf('SC_CLK_TCK')


def descendants(pid: int) -> list[int]:
    """Return the ids of the children of `pid`, their children and so on."""
    parents: dict[int, list[int]] = {}
    for entry in os.listdir('/proc'):
        if entry.isdigit() and (stat := _stat(int(entry))):
            parents.setdefault(int(stat[1]), []).append(int(entry))
    found, open_ends = [], [pid]
    while open_ends:
        children = parents.get(open_ends.pop(), [])
        found += children
        open_ends += children
    return found


def sessions(pid: int) -> set[int]:
    """Return the sessions that the descendants of `pid` are in, other than its own."""
    below = {found for each in descendants(pid) if (found := session(each))}
    return below - {session(pid)}


def session(pid: int) -> int | None:
    """Return the session of a process, or None when it has ended."""
    stat = _stat(pid)
    return int(stat[3]) if stat else None


def command_line(pid: int) -> str:
    """Return what a process was started with, or nothing when it has ended."""
    try:
        return Path(f'/proc/{pid}/cmdline').read_bytes().replace(b'\0', b' ').decode()
    except (FileNotFoundError, ProcessLookupError):
        return ''


def name(pid: int) -> str:
    """Return what a process calls itself; empty when it has ended."""
    try:
        return Path(f'/proc/{pid}/comm').read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ''


def processor_seconds(pid: int) -> float:
    """Return what a process has computed, or nothing when it has ended."""
    stat = _stat(pid)
    return (int(stat[11]) + int(stat[12])) / TICKS if stat else 0.0


def resident(pid: int) -> int:
    """Return the proportional share of memory, so that what forks share counts once."""
    try:
        rollup = Path(f'/proc/{pid}/smaps_rollup').read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line[:4] == 'Pss:')


def freeze(pid: int) -> None:
    """Stop a process, and wait until none of its threads goes on."""
    os.kill(pid, signal.SIGSTOP)
    ends_at = time.monotonic() + FREEZE_DEADLINE
    while any(_goes_on(int(task)) for task in os.listdir(f'/proc/{pid}/task')):
        assert time.monotonic() < ends_at
        time.sleep(0.001)  # each stops when it is its turn to run


def _goes_on(task: int) -> bool:
    stat = _stat(task)
    return stat is not None and stat[0] != 'T'


def kill_tree(pid: int) -> None:
    """Kill a process and everything under it.

    Pulumi starts its plugins in process groups of their own, so a group is not enough. The root
    is stopped first: a stopped process starts no more children while they are counted.
    """
    _signal(pid, signal.SIGSTOP)
    below = descendants(pid)
    for each in [*below, pid]:
        _signal(each, signal.SIGKILL)


def await_end(pids: Iterable[int]) -> None:
    """Wait until none of the processes runs any more."""
    ends_at = time.monotonic() + END_DEADLINE
    while any(map(_runs, pids)):
        assert time.monotonic() < ends_at, 'a process has outlived its owner'
        time.sleep(0.05)  # whose child it is hears of its end, and nobody else


def _runs(pid: int) -> bool:
    stat = _stat(pid)
    return stat is not None and stat[0] != 'Z'


def _signal(pid: int, number: signal.Signals) -> None:
    # A process that ended by itself is what we are after.
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _stat(pid: int) -> list[str] | None:
    """Return the fields of /proc/PID/stat after the command name: state, parent, ... (proc(5))."""
    try:
        text = Path(f'/proc/{pid}/stat').read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(')')[2].split()
