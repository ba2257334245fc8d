"""How long to wait before something is tried again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

# So that clients who lost the service at the same moment do not all come back at the same moment.
SPREAD = 0.2


def doubling(first: float, longest: float) -> Iterator[float]:
    """Yield pauses in seconds, each about twice the one before."""
    pause = first
    while True:
        yield pause * random.uniform(1 - SPREAD, 1 + SPREAD)
        pause = min(2 * pause, longest)


def seconds_of(header: str | None) -> float | None:
    """Return what `Retry-After` says, from seconds or from a date; None when it says nothing."""
    if header is None:
        return None
    if header.strip().isascii() and header.strip().isdigit():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return max(0.0, (moment - datetime.now(timezone.utc)).total_seconds())
