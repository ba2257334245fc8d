"""Moments in UTC."""

from __future__ import annotations

from datetime import datetime, timezone


def now() -> datetime:
    """Return this moment, as the database stores it: in UTC, without saying so."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


def aware(stored: datetime) -> datetime:
    """Return a stored moment with its time zone."""
    return stored.replace(tzinfo=timezone.utc)


def moment(text: str) -> datetime:
    """Return a moment in RFC 3339, as the database stores it.

    Raises ValueError when it is none, or tells no time zone.
    """
    found = datetime.fromisoformat(text.replace('Z', '+00:00').replace('z', '+00:00'))
    if found.tzinfo is None:
        raise ValueError('must end with Z or an offset')
    try:
        return found.astimezone(timezone.utc).replace(tzinfo=None)
    except OverflowError as error:
        raise ValueError('must be of the years 1 to 9999') from error
