"""Deadlines: moments on the monotonic clock at which a command must have ended."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# What poll(2) can be told to wait, in seconds: about 24 days.
_POLL_LIMIT = float((1 << 31) // 1000 - 1)

_ambient: ContextVar[float | None] = ContextVar('warm_pulumi_deadline', default=None)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Gives all commands of the block together, in this thread or task, that many seconds.

    Blocks nest; the earlier deadline holds.
    """
    token = _ambient.set(earliest(after(seconds), _ambient.get()))
    try:
        yield
    finally:
        _ambient.reset(token)


@contextmanager
def own_deadline(seconds: float) -> Iterator[None]:
    """Gives the block that many seconds whatever holds around it: to clean up after a late one."""
    token = _ambient.set(after(seconds))
    try:
        yield
    finally:
        _ambient.reset(token)


def time_left() -> float | None:
    """Seconds that the blocks around have left; None where there is no deadline."""
    return remaining(_ambient.get())


def for_command(timeout: float | None) -> float | None:
    """The deadline of a command that starts now and may take so long by itself."""
    return earliest(after(timeout), _ambient.get())


def after(seconds: float | None) -> float | None:
    """The moment so many seconds from now; None means never."""
    return None if seconds in (None, math.inf) else time.monotonic() + seconds


def earliest(*deadlines: float | None) -> float | None:
    """The first of several, of which None means never."""
    return min((d for d in deadlines if d is not None), default=None)


def remaining(deadline: float | None) -> float | None:
    """Seconds until the deadline, not below zero; None means for ever."""
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def milliseconds(deadline: float | None) -> float | None:
    """How long a poll may last; it may have to be repeated for a deadline that is far away."""
    seconds = remaining(deadline)
    return None if seconds is None else min(seconds, _POLL_LIMIT) * 1000 + 1
