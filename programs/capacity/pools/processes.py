"""Processes known by the command that they were started with, and signals that reach no others."""

import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path


class Processes:
    """All processes that have the same arguments, whatever Python runs them."""

    def __init__(self, arguments: Sequence[str]) -> None:
        """Look for none yet. arguments: all but the executable."""
        self._arguments = [os.fsencode(each) for each in arguments]

    def ids(self) -> set[int]:
        """Return their ids."""
        found = (int(each) for each in os.listdir('/proc') if each.isdigit())
        return {pid for pid in found if self._has(pid)}

    def send(self, pid: int, number: signal.Signals) -> None:
        """Send one of them a signal, unless its id is another one's by now."""
        with suppress(ProcessLookupError):
            handle = os.pidfd_open(pid)
            try:
                # The handle stays with the process that had the id then.
                if self._has(pid):
                    signal.pidfd_send_signal(handle, number)
            finally:
                os.close(handle)

    def _has(self, pid: int) -> bool:
        # One that has ended, and that nobody has waited for yet, has none.
        with suppress(OSError):
            command = Path(f'/proc/{pid}/cmdline').read_bytes().split(b'\0')[1:-1]
            return command == self._arguments
        return False
