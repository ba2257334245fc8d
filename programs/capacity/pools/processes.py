"""Processes known by the command that they were started with, and signals that reach no others."""

import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path


def members(arguments: Sequence[str]) -> list[int]:
    """Return the ids of the processes that have these arguments, whatever Python runs them."""
    found = (int(each) for each in os.listdir('/proc') if each.isdigit())
    return [pid for pid in found if _has(pid, arguments)]


def send(pid: int, number: signal.Signals, arguments: Sequence[str]) -> None:
    """Send a signal to a process, unless its id is another one's by now."""
    with suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        try:
            # The handle stays with the process that had the id then.
            if _has(pid, arguments):
                signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)


def _has(pid: int, arguments: Sequence[str]) -> bool:
    # One that has ended, and that nobody has waited for yet, has none.
    with suppress(OSError):
        command = Path(f'/proc/{pid}/cmdline').read_bytes().split(b'\0')[1:-1]
        return command == [os.fsencode(each) for each in arguments]
    return False
