"""A clock that pauses move on at once."""

from __future__ import annotations

from infra.errors import InfraError
from infra.waiting import Surroundings


class FakeTime:
    """Time that passes in pauses only.

    pauses: their seconds. lost: the pauses that were announced since no answer came.
    interrupt_at: the numbers of the pauses in which Ctrl-C is pressed.
    """

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []
        self.lost: list[float] = []
        self.interrupt_at: set[int] = set()

    @property
    def around(self) -> Surroundings:
        """What clients take."""
        return Surroundings(lambda: self.now, self._pause, self._lost)

    def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
        if len(self.pauses) in self.interrupt_at:
            raise KeyboardInterrupt

    def _lost(self, error: InfraError, seconds: float) -> None:
        self.lost.append(seconds)
