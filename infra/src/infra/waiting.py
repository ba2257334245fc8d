"""Asking the service again and again until something has happened, while it may come and go."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from infra import backoff
from infra.errors import InfraError, WaitTimeoutError
from infra.transport import PASSING, retry_after

Answer = TypeVar('Answer')

# For how long the service may be away before a wait is given up.
LONGEST_OUTAGE = 300.0
FIRST_PAUSE_IN_OUTAGE = 1.0
LONGEST_PAUSE_IN_OUTAGE = 15.0
# Seconds that one answer may take: whoever waits would rather ask again.
PATIENCE = 10.0
SHORTEST_PATIENCE = 1.0
# Many runs take no longer than the first of these pauses; those that go on are asked ever less.
FIRST_PAUSES = (0.1, 0.2, 0.3)
PAUSES = ((10.0, 0.5), (60.0, 1.0))
LONGEST_PAUSE = 2.0


def ignored(error: InfraError, seconds: float) -> None:
    """Take no notice of an answer that did not come."""


@dataclass(frozen=True)
class Surroundings:
    """What a wait needs of the world.

    lost: is told of each answer that did not come, and in how many seconds the next try is.
    """

    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    lost: Callable[[InfraError, float], None] = ignored


class Wait:
    """One wait for a run: when to ask next, and when to give up."""

    def __init__(self, run: str, timeout: float | None, around: Surroundings) -> None:
        """Take the run's id and the seconds that the wait may last; None: for ever."""
        self._run = run
        self._timeout = timeout
        self._around = around
        self._begun = around.clock()
        self._first = iter(FIRST_PAUSES)

    def answer(self, ask: Callable[[float], Answer]) -> Answer:
        """Return what is answered, from a service that may be away meanwhile.

        ask: gets the seconds that the answer may take.

        Raises WaitTimeoutError, and InfraError when the service says no or is away for too long.
        """
        lost_at: float | None = None
        pauses = backoff.doubling(FIRST_PAUSE_IN_OUTAGE, LONGEST_PAUSE_IN_OUTAGE)
        while True:
            try:
                return ask(max(SHORTEST_PATIENCE, min(PATIENCE, self._left())))
            except PASSING as error:
                now = self._around.clock()
                lost_at = now if lost_at is None else lost_at
                if now - lost_at > LONGEST_OUTAGE:
                    raise
                pause = min(max(next(pauses), retry_after(error)), LONGEST_OUTAGE)
                self._around.lost(error, pause)
                self._rest(pause)

    def rest(self) -> None:
        """Pause until the next question is due, or until the end.

        Raises WaitTimeoutError when the end has come already.
        """
        waited = self._around.clock() - self._begun
        usual = (pause for until, pause in PAUSES if waited < until)
        self._rest(next(self._first, None) or next(usual, LONGEST_PAUSE))

    def _rest(self, seconds: float) -> None:
        left = self._left()
        if left <= 0:
            raise WaitTimeoutError(self._run, self._timeout or 0)
        self._around.pause(min(seconds, left))

    def _left(self) -> float:
        if self._timeout is None:
            return float('inf')
        return self._begun + self._timeout - self._around.clock()
