"""Whether this process is shutting down: it then finishes what runs and takes nothing new."""

from __future__ import annotations

import threading

_draining = threading.Event()


def begin() -> None:
    """Begin the shutdown: readiness fails, and new runs are refused."""
    _draining.set()


def is_draining() -> bool:
    """Tell whether the shutdown has begun."""
    return _draining.is_set()
