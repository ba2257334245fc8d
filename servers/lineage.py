"""All processes that a server consists of, known by a pipe that each has open, as it inherits it.

A server of many processes leaves some behind when its first one is killed, and a new one must not
come to the same data before they have ended.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType

# Seconds in which those that are left end by themselves, and between two looks after that.
PATIENCE = 3.0
LOOK_EVERY = 0.1


class Lineage:
    """A server's processes, as a block in which it is run; at the end none of them lives."""

    def __init__(self) -> None:
        self._ours, self._theirs = os.pipe()

    def __enter__(self) -> Lineage:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.begun()
        try:
            wait = PATIENCE
            while not self._is_over(wait):
                for pid in self._pids():
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                wait = LOOK_EVERY
        finally:
            os.close(self._ours)

    @property
    def mark(self) -> int:
        """The descriptor that the server is to inherit."""
        return self._theirs

    def begun(self) -> None:
        """Close it here, once the server has it."""
        if self._theirs >= 0:
            os.close(self._theirs)
            self._theirs = -1

    def _is_over(self, seconds: float) -> bool:
        """Tell whether nobody has it any more; nothing is ever written."""
        return bool(select.select([self._ours], [], [], seconds)[0])

    def _pids(self) -> Iterator[int]:
        pipe = os.readlink(f'/proc/self/fd/{self._ours}')
        for pid in (int(each) for each in os.listdir('/proc') if each.isdigit()):
            if any(_writes_to(pipe, pid)):
                yield pid


def _writes_to(pipe: str, pid: int) -> Iterator[bool]:
    """Tell of each descriptor whether it is the end of a pipe that can be written to."""
    # What ends meanwhile, or belongs to somebody else, is none of them.
    with suppress(OSError):
        for name in os.listdir(f'/proc/{pid}/fd'):
            if os.readlink(f'/proc/{pid}/fd/{name}') == pipe:
                flags = Path(f'/proc/{pid}/fdinfo/{name}').read_text().split('flags:')[1]
                yield bool(int(flags.split()[0], 8) & os.O_WRONLY)
