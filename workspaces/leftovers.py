"""Processes that a dead owner left behind: telling them from strangers, and ending them."""

from __future__ import annotations

import functools
import os
import select
import signal
from contextlib import suppress
from pathlib import Path

from settings import CANCEL_GRACE
from warm_pulumi.processes import kill_session, start_time

# In the environment of every command that the Automation API runs, and so of its plugins.
MARK = b'PULUMI_AUTOMATION_API='


@functools.cache
def home() -> str:
    """Return what names this boot and this pid namespace: elsewhere a pid is somebody else's."""
    boot = Path('/proc/sys/kernel/random/boot_id').read_text().strip()
    # The number of a namespace is given out again; the start of its first process is not.
    return f'{boot} {os.readlink("/proc/self/ns/pid")} {start_time(1)}'


def end(leader: int, started: int) -> None:
    """End a process and the session that it leads: by a cancel, as Ctrl-C would, or by force.

    leader, started: the process, as it was noted when it lived (see start_time).

    What it was doing gets CANCEL_GRACE seconds to finish the step that is under way and to save
    what it knows. Where the leader is dead already, its number may lead other people's session
    by now, so only what carries the mark of our commands is killed.
    """
    now = start_time(leader)
    if now == started:
        _cancel(leader, started)
        kill_session(leader)
    elif now is None:
        kill_session(leader, which=_is_marked)


def _cancel(pid: int, started: int) -> None:
    """Interrupt a process and wait for its end, not longer than the grace."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if start_time(pid) == started:  # Else the number was given out again just now.
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGINT)
        ended = select.poll()
        ended.register(handle, select.POLLIN)
        ended.poll(CANCEL_GRACE * 1000)
    finally:
        os.close(handle)


def _is_marked(pid: int) -> bool:
    try:
        variables = Path(f'/proc/{pid}/environ').read_bytes().split(b'\0')
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False
    return any(variable.startswith(MARK) for variable in variables)
