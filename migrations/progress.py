"""How far a migration is: rows, their rate, and the time that is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

# Between two words about it.
TOLD_EVERY = 0.5


@dataclass(frozen=True)
class Progress:
    """Where a migration stands."""

    step: str
    rows: int
    total: int
    # Rows a second in this step.
    rate: float
    # Seconds that are left in this step; None: not known yet.
    left: float | None


@dataclass
class Meter:
    """Counts rows, and tells the caller now and then."""

    tell: Callable[[Progress], None]
    total: int
    step: str = ''
    rows: int = 0
    _began: float = field(default_factory=time.monotonic)
    _first: int = 0
    _told: float = 0.0

    def begin(self, step: str, rows: int = 0) -> None:
        """Begin a step, of which so many rows were done before."""
        self.step, self.rows, self._first = step, rows, rows
        self._began = time.monotonic()
        self.flush()

    def add(self, rows: int) -> None:
        self.rows += rows
        if rows and time.monotonic() - self._told > TOLD_EVERY:
            self.flush()

    def flush(self) -> None:
        """Tell now."""
        self._told = time.monotonic()
        done = self.rows - self._first
        rate = done / max(0.001, self._told - self._began)
        left = max(0, self.total - self.rows) / rate if done else None
        self.tell(Progress(self.step, self.rows, max(self.total, self.rows), rate, left))
