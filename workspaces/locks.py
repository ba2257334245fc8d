"""Whose lock it is that keeps a stack busy, and whether that owner is known to be dead."""

from __future__ import annotations

import errno
import os
import re
import select
import socket
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from warm_pulumi.processes import start_time

# As the self-managed backends word it for each lock (pkg/backend/diy/lock.go of pulumi).
OWNER = re.compile(r'created by .+@(?P<host>\S+) \(pid (?P<pid>\d+)\) at (?P<at>\S+)')
# The time in a lock is cut to whole seconds; the rest is for two clocks that are read in turn.
CLOCK_SLACK = 2.0
# What the kernel says of a number that is no process, or only a thread's.
NO_PROCESS = {errno.ESRCH, errno.ENOENT, errno.EINVAL}
TICKS = os.sysconf('SC_CLK_TCK')


@dataclass(frozen=True)
class Owner:
    """Who took a lock: a process of a host, and when, in seconds since the epoch."""

    host: str
    pid: int
    since: float

    @property
    def is_here(self) -> bool:
        """Whether it is a process of this host."""
        return self.host == socket.gethostname()

    def is_dead(self, ours: Collection[int]) -> bool:
        """Tell whether it is known that the owner does not use the stack any more.

        A process that was started after the lock was taken only has its owner's number: so it is
        in a new container, and after a reboot.

        ours: processes of our own that do not use the stack at the moment.
        """
        if not self.is_here:
            return False
        return self.pid in ours or not _lives(self.pid) or self._is_younger()

    def _is_younger(self) -> bool:
        """Tell whether the process that has the number now was started after the lock."""
        started = start_time(self.pid)
        if started is None:  # Of another user, and hidden from us.
            return False
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - started / TICKS
        return time.time() - age > self.since + CLOCK_SLACK


def owners(message: str) -> list[Owner]:
    """Return the owners of the locks that an error of Pulumi's lists.

    Empty when one of them cannot be read: then nothing is known.
    """
    try:
        return [_owner(line) for line in message.splitlines() if 'created by' in line]
    except ValueError:
        return []


def _owner(line: str) -> Owner:
    match = OWNER.search(line)
    if match is None:
        raise ValueError(line)
    since = datetime.fromisoformat(match['at'].replace('Z', '+00:00')).timestamp()
    return Owner(match['host'], int(match['pid']), since)


def _lives(pid: int) -> bool:
    """Tell whether there is such a process; a thread has a number too, but owns no lock."""
    try:
        handle = os.pidfd_open(pid)
    except OSError as error:
        if error.errno in NO_PROCESS:
            return False
        raise
    try:
        ended = select.poll()
        ended.register(handle, select.POLLIN)
        return not ended.poll(0)
    finally:
        os.close(handle)
