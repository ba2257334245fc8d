"""Moments in UTC."""

from __future__ import annotations

import re
from datetime import datetime, timezone

# Of RFC 3339, section 5.6; datetime itself knows more forms, and each Python others.
RFC_3339 = re.compile(
    r'(?P<day>\d{4}-\d\d-\d\d)T(?P<time>(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(?:\.(?P<fraction>\d+))?'
    r'(?P<zone>Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)',
    re.ASCII,
)


def now() -> datetime:
    """Return this moment, as the database stores it: in UTC, without saying so."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


def aware(stored: datetime) -> datetime:
    """Return a stored moment with its time zone."""
    return stored.replace(tzinfo=timezone.utc)


def text(aware_moment: datetime, timespec: str = 'seconds') -> str:
    """Return a moment in RFC 3339, in UTC; timespec: how fine, as datetime.isoformat has it."""
    found = aware_moment.astimezone(timezone.utc).isoformat(timespec=timespec)
    return found.replace('+00:00', 'Z')


def moment(text: str) -> datetime:
    """Return a moment in RFC 3339, as the database stores it.

    Raises ValueError when it is none.
    """
    match = RFC_3339.fullmatch(text.upper())
    if match is None:
        raise ValueError('must be a moment as 2030-01-31T12:00:00Z')
    # Microseconds are as fine as a datetime can be.
    fraction = (match['fraction'] or '')[:6].ljust(6, '0')
    zone = match['zone'].replace('Z', '+00:00')
    found = datetime.fromisoformat(f'{match["day"]}T{match["time"]}.{fraction}{zone}')
    try:
        return found.astimezone(timezone.utc).replace(tzinfo=None)
    except OverflowError as error:
        raise ValueError('must be of the years 1 to 9999') from error
