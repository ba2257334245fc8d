"""Whether this process is shutting down: it then finishes what runs and takes nothing new."""

from __future__ import annotations

import signal
import threading
from types import FrameType

_draining = threading.Event()


def is_draining() -> bool:
    """Tell whether the shutdown has begun."""
    return _draining.is_set()


def begin_on_sigterm() -> None:
    """Begin at SIGTERM, before what the server itself does at that signal."""
    servers_own = signal.getsignal(signal.SIGTERM)

    def begin(number: int, frame: FrameType | None) -> None:
        _draining.set()
        if callable(servers_own):
            servers_own(number, frame)

    signal.signal(signal.SIGTERM, begin)
