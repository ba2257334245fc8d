"""Samples of seconds, and what is said of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar('T')


@dataclass
class Sample:
    """How long each repetition of one thing took, in seconds."""

    seconds: list[float] = field(default_factory=list)

    def measure(self, action: Callable[[], T]) -> T:
        """Run `action` once, add what it took, and return what it returned."""
        started = time.perf_counter()
        result = action()
        self.seconds.append(time.perf_counter() - started)
        return result

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def quantile(self, share: float) -> float:
        """Return the value that `share` of the repetitions did not exceed (nearest rank)."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def summary(self) -> dict[str, float]:
        """Return what is reported: repetitions, median, minimum and maximum."""
        return {
            'runs': len(self.seconds),
            'median': self.median,
            'min': min(self.seconds),
            'max': max(self.seconds),
        }
