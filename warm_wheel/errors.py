"""What can go wrong with a wheel."""

from __future__ import annotations


class WheelError(Exception):
    """The wheels cannot be made; the message says why, and what to do."""
