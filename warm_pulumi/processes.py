"""Finding and killing processes by session, through /proc.

The engine leads a session of its own. Its plugins get their own process groups and are handed to
init when the engine is killed, so neither group nor parent finds them all; the session does.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

_PAGE = os.sysconf('SC_PAGE_SIZE')
_SETTLE = 0.005
_REAP_LIMIT = 5.0


def kill_session(
    leader: int, limit: float = 5.0, which: Callable[[int], bool] = lambda pid: True
) -> None:
    """Kills the processes of the session, also those that are forked meanwhile.

    :param which: Tells of a pid whether it is to be killed.
    """
    end = time.monotonic() + limit
    while members := [pid for pid in session_members(leader) if which(pid)]:
        for pid in members:
            _kill(pid)
        if time.monotonic() > end:  # In uninterruptible sleep: they die when they wake up.
            return
        time.sleep(_SETTLE)


def has_ended(child: int) -> bool:
    """Whether the child has ended. Does not reap it: until then its pid is not given out again."""
    try:
        return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:  # Where children are not to be waited for.
        return True


def reap(child: subprocess.Popen[bytes]) -> int:
    """The exit code of a child whose session was killed, negative for a signal."""
    try:
        return child.wait(_REAP_LIMIT)
    except subprocess.TimeoutExpired:  # In uninterruptible sleep.
        return -signal.SIGKILL


def start_time(pid: int) -> int | None:
    """When the process started, in clock ticks since boot; None when it does not live.

    With the pid it names a process for good: a pid alone is given out again.
    """
    stat = _stat(pid)
    return None if stat is None or stat[0] in 'ZX' else int(stat[19])


def session_members(leader: int) -> list[int]:
    """The living processes of the session."""
    return [pid for pid in _all_pids() if _session_of_living(pid) == leader]


def resident_bytes(pid: int) -> int:
    """The memory that the process occupies; 0 once it has ended, or if that cannot be known."""
    try:
        with open(f'/proc/{pid}/statm', encoding='ascii') as file:
            return int(file.read().split()[1]) * _PAGE
    except OSError:  # Also where no file descriptor is free.
        return 0


def _all_pids() -> list[int]:
    return [int(name) for name in os.listdir('/proc') if name.isdigit()]


def _session_of_living(pid: int) -> int | None:
    stat = _stat(pid)
    return None if stat is None or stat[0] in 'ZX' else int(stat[3])


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state on: state, parent, group, session (proc(5))."""
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8', errors='replace') as file:
            # The command's name, in parentheses, may itself contain anything.
            return file.read().rpartition(')')[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
