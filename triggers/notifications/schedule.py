"""When a delivery that has failed is tried again (Standard Webhooks)."""

from __future__ import annotations

import random
from datetime import timedelta
from email.utils import parsedate_to_datetime

from stacks.moments import aware, now

MINUTE, HOUR = 60, 3600
# Seconds after an attempt until the next one; after the last, no more.
PAUSES = (
    *(5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR),
    *(10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR),
)
# So that many that failed together do not come back together.
JITTER = 0.2
LONGEST = timedelta(days=1)


def pause(attempts: int, retry_after: str = '') -> timedelta | None:
    """Return how long to wait after so many attempts; None when that was the last.

    retry_after: what the last answer wanted, as the header has it.
    """
    if attempts > len(PAUSES):
        return None
    usual = timedelta(seconds=PAUSES[attempts - 1] * random.uniform(1, 1 + JITTER))
    return max(usual, min(wanted(retry_after), LONGEST))


def wanted(retry_after: str) -> timedelta:
    """Return how long a Retry-After says; nothing where it says nothing that can be used."""
    if retry_after.isascii() and retry_after.isdigit() and len(retry_after) <= 9:
        return timedelta(seconds=int(retry_after))
    try:
        return parsedate_to_datetime(retry_after) - aware(now())
    except (ValueError, TypeError, OverflowError):
        return timedelta(0)
