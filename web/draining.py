"""Whether this process is shutting down: it then finishes what runs and takes nothing new.

A signal handler begins it, so nothing here may wait for a lock that the main thread could hold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class _Shutdown:
    begun: bool = False
    listeners: list[Callable[[], object]] = field(default_factory=list)


_shutdown = _Shutdown()


def begin() -> None:
    """Begin the shutdown: readiness fails, and new runs are refused."""
    _shutdown.begun = True
    for listener in _shutdown.listeners:
        listener()


def is_draining() -> bool:
    """Tell whether the shutdown has begun."""
    return _shutdown.begun


def when_begun(listener: Callable[[], object]) -> None:
    """Call `listener` in the signal handler that begins the shutdown, at once if it has begun."""
    _shutdown.listeners.append(listener)
    if _shutdown.begun:
        listener()
