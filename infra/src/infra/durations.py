"""How long something is to last, as people write it."""

from __future__ import annotations

import re

from infra.errors import SettingsError

UNITS = {'s': 1, 'm': 60, 'h': 3600, 'd': 86400}
LONGEST = 36500 * UNITS['d']
TIME = re.compile(r'([1-9][0-9]{0,7})([smhd])')


def parse(text: str) -> int:
    """Return the seconds of `90s`, `10m`, `8h` or `3d`.

    Raises SettingsError for anything else.
    """
    match = TIME.fullmatch(text)
    seconds = int(match[1]) * UNITS[match[2]] if match else 0
    if not 0 < seconds <= LONGEST:
        raise SettingsError(f'{text!r} is no time: write it as 90s, 10m, 8h or 3d, at most 36500d.')
    return seconds


def text(seconds: float) -> str:
    """Return how long something took, in words of at most two units."""
    if seconds < 60:
        return f'{seconds:.1f} s'
    minutes = round(seconds / 60)
    if minutes < 60:
        return f'{int(seconds // 60)} min {int(seconds % 60)} s'
    if minutes < 48 * 60:
        return f'{minutes // 60} h {minutes % 60} min'
    return f'{minutes // 60 // 24} d {minutes // 60 % 24} h'
