"""Whether this process is shutting down: it then finishes what runs and takes nothing new.

A signal handler begins it, so nothing here may wait for a lock that the main thread could hold.
What goes on beside the requests ends in the main thread, before Python's own end begins: from
there on no thread pool takes work, and the Automation API needs one for each operation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class _Shutdown:
    begun: bool = False
    listeners: list[Callable[[], object]] = field(default_factory=list)
    last: list[Callable[[], object]] = field(default_factory=list)


_shutdown = _Shutdown()


def begin() -> None:
    """Begin the shutdown: readiness fails, and new runs are refused."""
    _shutdown.begun = True
    for listener in _shutdown.listeners:
        listener()


def finish() -> None:
    """End what goes on beside the requests, after the last answer."""
    while _shutdown.last:
        _shutdown.last.pop()()


def is_draining() -> bool:
    """Tell whether the shutdown has begun."""
    return _shutdown.begun


def when_begun(listener: Callable[[], object]) -> None:
    """Call `listener` in the signal handler that begins the shutdown, at once if it has begun."""
    _shutdown.listeners.append(listener)
    if _shutdown.begun:
        listener()


def at_last(listener: Callable[[], object]) -> None:
    """Call `listener` when the last answer is given."""
    _shutdown.last.append(listener)
