"""Turns: who runs a command on an instance, and what other threads want of it meanwhile."""

from __future__ import annotations

import os
import signal
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from pulumi.automation import CommandResult
from pulumi.automation.errors import create_command_error

from .deadlines import remaining
from .errors import ClosedError, CommandTimeoutError

# Where the SDK serves what a command asks of this process, in threads of its own: an inline
# program, and what hears of events. The command waits for them.
_SERVES = {('pulumi.automation._server', 'Run'), ('pulumi.automation._stack', 'StreamEvents')}


class Cancellation:
    """Whether others want a command to be cancelled. Its thread can poll for that.

    ``closing`` says that the command must then end within its grace.
    """

    def __init__(self) -> None:
        self.closing = False
        self._wanted = False
        self._event = os.eventfd(0)

    def fileno(self) -> int:
        """Readable while there is a wish that was not taken yet."""
        return self._event

    def want(self, closing: bool) -> None:
        """Tells the wish to the thread that runs the command."""
        self.closing = self.closing or closing
        self._wanted = True
        os.eventfd_write(self._event, 1)

    def take(self) -> None:
        """Takes in what has been told."""
        os.eventfd_read(self._event)

    def check(self) -> None:
        """Raises ClosedError or CommandError where the command is not to begin any more."""
        if self.closing:
            raise ClosedError
        if self._wanted:
            # What comes of a CLI that gets the signal before it has begun.
            text = 'error: the command was cancelled before it began'
            raise create_command_error(CommandResult(stdout='', stderr=text, code=-signal.SIGINT))

    def close(self) -> None:
        """Ends the use of the event."""
        os.close(self._event)


class Turns:
    """Lets threads run commands, one at a time or as they come, and others cancel these."""

    def __init__(self, one_at_a_time: bool) -> None:
        self.closed = False
        self._one_at_a_time = one_at_a_time
        # Reentrant: a signal handler may cancel, in whichever line it interrupts.
        self._changed = threading.Condition(threading.RLock())
        self._running: dict[Cancellation, int] = {}
        _all_turns.add(self)

    @contextmanager
    def turn(self, args: list[str], deadline: float | None) -> Iterator[Cancellation]:
        """The turn of this thread to run a command, for the block.

        Raises CommandTimeoutError when it does not come in time, and ClosedError.
        """
        cancellation = Cancellation()
        try:
            self._begin(cancellation, args, deadline)
            yield cancellation
        finally:
            self._end(cancellation)

    def here(self) -> bool:
        """Whether a command that runs may wait for this thread.

        So it does for a callback, which is within its turn, and for an inline program.
        """
        with self._changed:
            running = set(self._running.values())
        return threading.get_ident() in running or (bool(running) and _serves_a_command())

    def busy(self) -> bool:
        """Whether any thread is within a turn."""
        return bool(self._running)

    def cancel(self, closing: bool = False) -> bool:
        """Cancels what runs. Returns whether anything does."""
        with self._changed:
            for cancellation in self._running:
                cancellation.want(closing)
            return bool(self._running)

    def close(self) -> None:
        """Cancels what runs, and grants no more turns."""
        with self._changed:
            self.closed = True
            self.cancel(closing=True)
            self._changed.notify_all()

    def others_end_within(self, seconds: float) -> bool:
        """Waits for the turns of all other threads, unless one may wait for this one.

        Returns whether they ended in time, or are not waited for.
        """
        if _serves_a_command():
            return True
        with self._changed:
            return self._changed.wait_for(self._others_have_ended, seconds)

    def _begin(self, cancellation: Cancellation, args: list[str], deadline: float | None) -> None:
        with self._changed:
            if remaining(deadline) == 0 or not self._changed.wait_for(
                self._may_go_on, remaining(deadline)
            ):
                raise CommandTimeoutError.before_begin(args, 'no turn within the deadline')
            if self.closed:
                raise ClosedError
            self._running[cancellation] = threading.get_ident()

    def _end(self, cancellation: Cancellation) -> None:
        with self._changed:
            self._running.pop(cancellation, None)
            self._changed.notify_all()
        cancellation.close()

    def _may_go_on(self) -> bool:
        return self.closed or not (self._one_at_a_time and self._running)

    def _others_have_ended(self) -> bool:
        return set(self._running.values()) <= {threading.get_ident()}

    def _forget(self) -> None:
        """Forgets the threads of the process that this one is a forked copy of."""
        self._changed = threading.Condition(threading.RLock())
        self._running = {}


def _serves_a_command() -> bool:
    """Whether some command waits for this thread, of whichever instance."""
    frame: FrameType | None = sys._getframe()
    while frame:
        if (frame.f_globals.get('__name__'), frame.f_code.co_name) in _SERVES:
            return True
        frame = frame.f_back
    return False


_all_turns: weakref.WeakSet[Turns] = weakref.WeakSet()


def _forget_all() -> None:
    for turns in list(_all_turns):
        turns._forget()


# A forked copy shares the events: what it cancels would be cancelled in the original.
os.register_at_fork(after_in_child=_forget_all)
