"""Watching over a command: its output, its deadline, and how it is cancelled."""

from __future__ import annotations

import select
from types import TracebackType
from typing import Protocol

from .deadlines import after, milliseconds, remaining
from .output import Streams
from .turns import Cancellation

# What the output may take to end after the command: only a process that the command left behind
# still holds it open then. Also what a killed command may take to be gone.
_OUTPUT_LIMIT = 2.0


class Runner(Protocol):
    """What carries out a command: an engine, or a process of its own."""

    def fileno(self) -> int:
        """Readable when there is news."""

    def has_ended(self) -> bool:
        """Takes in the news. Returns whether the command has ended."""

    def interrupt(self) -> None:
        """Cancels the command, as Ctrl-C would."""

    def kill(self) -> None:
        """Kills the command and all that it started."""


class Watch:
    """Waits for a command: forwards its output, enforces its deadline, hears of cancellations.

    What is raised in its block, KeyboardInterrupt above all, cancels the command, which is killed
    where it does not end within its grace, or when something more is raised meanwhile.
    """

    def __init__(
        self,
        runner: Runner,
        streams: Streams,
        deadline: float | None,
        grace: float,
        cancellation: Cancellation,
    ) -> None:
        self.late = False
        self.killed = False
        self._over = False
        self._cancelled = False
        self._runner = runner
        self._streams = streams
        self._open = {stream.fd: stream for stream in (streams.stdout, streams.stderr)}
        self._deadline = deadline
        self._grace = grace
        self._cancellation = cancellation
        self._poll = select.poll()
        for fd in [*self._open, runner.fileno(), cancellation.fileno()]:
            self._poll.register(fd, select.POLLIN)

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and not self._over:
            self._abort()

    def until_over(self) -> None:
        """Returns once the command has ended and its output was read, or it had to be killed."""
        while self._open or not self._over:
            for fd, _ in self._poll.poll(milliseconds(self._deadline)):
                self._take_in(fd)
            # Also of a command that prints without pause.
            if remaining(self._deadline) == 0 and not self._overdue():
                return

    def _take_in(self, fd: int) -> None:
        if fd in self._open:
            if not self._open[fd].read():
                self._poll.unregister(fd)
                del self._open[fd]
        elif fd == self._cancellation.fileno():
            self._hear()
        elif self._runner.has_ended():
            self._poll.unregister(fd)
            self._over = True
            self._deadline = after(_OUTPUT_LIMIT)

    def _hear(self) -> None:
        self._cancellation.take()
        if self._over:
            return
        if self._cancellation.closing:
            self._cancel()
        else:
            self._runner.interrupt()

    def _overdue(self) -> bool:
        """Takes the next step against a command that is late. Returns False when none is left."""
        if self._over or self.killed:
            return False
        if self._cancelled:
            self._kill()
        else:
            self.late = True
            self._cancel()
        return True

    def _cancel(self) -> None:
        """Has the command end within its grace."""
        if not self._cancelled:
            self._cancelled = True
            self._deadline = after(self._grace)
            self._runner.interrupt()

    def _kill(self) -> None:
        self.killed = True
        self._deadline = after(_OUTPUT_LIMIT)
        self._runner.kill()

    def _abort(self) -> None:
        self._streams.mute()
        try:
            self._cancel()
            self.until_over()
        finally:
            if not (self._over or self.killed):
                self._kill()
