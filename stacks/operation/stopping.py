"""Having an operation end before its time, gently."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

# Seconds between two interrupts of an engine.
PAUSE = 0.5


class StoppedError(Exception):
    """The operation was told to stop between two of its steps."""


class Stop:
    """The wish that one operation stops; for any thread.

    The engine finishes the steps that are under way and begins no other, as at Ctrl-C; at a second
    wish it abandons them.
    """

    def __init__(self, interrupt: Callable[[], bool]) -> None:
        """Take what cancels the operation's command, and tells whether one was running."""
        self._interrupt = interrupt
        self._wanted = threading.Event()
        self._wishes = 0
        self._heard = 0
        self._heard_at = -math.inf
        self._is_over = False
        self._changing = threading.Lock()
        self.is_cancel = False

    @property
    def is_wanted(self) -> bool:
        """Whether the operation is to stop."""
        return self._wanted.is_set()

    def cancel(self, wishes: int) -> None:
        """Have it stop for good, as somebody has wished so often.

        To be called again from time to time: the operation may be between two commands now.
        """
        self.is_cancel = True
        self._want(wishes)

    def put_off(self, wishes: int = 1) -> None:
        """Have it stop, to be done again later; to be called again as `cancel` is."""
        self._want(wishes)

    def check(self) -> None:
        """Raise StoppedError when the operation is to stop."""
        if self.is_wanted:
            raise StoppedError

    def pause(self, seconds: float) -> None:
        """Let time pass; raises StoppedError when the operation is to stop."""
        self.wait(seconds)
        self.check()

    def wait(self, seconds: float) -> None:
        """Let time pass, unless the operation is to stop."""
        self._wanted.wait(seconds)

    def end(self) -> None:
        """Be told that the operation is over: from now on, its engine's commands are another's."""
        with self._changing:
            self._is_over = True

    def _want(self, wishes: int) -> None:
        with self._changing:
            if self._is_over:
                return
            self._wanted.set()
            self._wishes = max(self._wishes, wishes)
            # Two in a row would be heard as one.
            is_time = time.monotonic() - self._heard_at > PAUSE
            if self._heard < self._wishes and is_time and self._interrupt():
                self._heard += 1
                self._heard_at = time.monotonic()
