"""Waiting for what happens in this service."""

from __future__ import annotations

import threading


class Bell:
    """Rings when something has happened; who waits looks again."""

    def __init__(self) -> None:
        self.rings = 0
        self._rung = threading.Condition()

    def ring(self) -> None:
        """Have all who wait look again."""
        with self._rung:
            self.rings += 1
            self._rung.notify_all()

    def wait(self, heard: int, seconds: float) -> None:
        """Wait until it rings, or has since it had rung `heard` times; at most some seconds."""
        with self._rung:
            self._rung.wait_for(lambda: self.rings != heard, seconds)
