"""How often somebody may try to sign in and fail."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

PERIOD = 60.0
# Failures in a period, of one address and of all.
MOST_OF_ONE = 5
MOST_OF_ALL = 50


class Failures:
    """Counts the failures of the last minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._found: deque[tuple[float, str]] = deque()
        self._changing = threading.Lock()

    def wait(self, address: str) -> float:
        """Return the seconds until this address may try again; 0: at once."""
        with self._changing:
            self._forget()
            own = [moment for moment, who in self._found if who == address]
            waits = []
            if len(own) >= MOST_OF_ONE:
                waits.append(own[-MOST_OF_ONE])
            if len(self._found) >= MOST_OF_ALL:
                waits.append(self._found[-MOST_OF_ALL][0])
            return max([0.0, *(each + PERIOD - self._clock() for each in waits)])

    def add(self, address: str) -> None:
        """Note a failure."""
        with self._changing:
            self._forget()
            self._found.append((self._clock(), address))

    def _forget(self) -> None:
        while self._found and self._found[0][0] <= self._clock() - PERIOD:
            self._found.popleft()
