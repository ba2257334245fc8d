"""Moments as people read them: in UTC, and how far away they are."""

from __future__ import annotations

from datetime import datetime, timezone

from infra import durations


def absolute(moment: datetime) -> str:
    """Return a moment with its zone, to the minute."""
    return f'{moment.astimezone(timezone.utc):%Y-%m-%d %H:%M} UTC'


def distance(moment: datetime, now: datetime) -> str:
    """Return how far a moment is away, as `in 8 h 0 min` or `3 d 2 h ago`."""
    seconds = (moment - now).total_seconds()
    words = durations.text(abs(seconds))
    return f'in {words}' if seconds >= 0 else f'{words} ago'


def both(moment: datetime, now: datetime) -> str:
    """Return a moment, and how far it is away."""
    return f'{absolute(moment)} ({distance(moment, now)})'


def expiry(expires_at: datetime | None, now: datetime) -> str:
    """Return when a stack is destroyed by itself."""
    return 'never' if expires_at is None else both(expires_at, now)


def took(began: datetime | None, ended: datetime | None) -> str:
    """Return how long something took; nothing where it has not begun, or not ended."""
    return durations.text((ended - began).total_seconds()) if began and ended else ''
