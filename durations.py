"""How long people say that something shall last."""

from __future__ import annotations

import re
from datetime import timedelta

LONGEST = timedelta(days=36500)
UNITS = {'s': 'seconds', 'm': 'minutes', 'h': 'hours', 'd': 'days'}
# `90m`, `8h`, `3d`, and what ISO 8601 has for these: `PT90M`, `PT8H`, `P3D`.
SHORT = re.compile(r'(?P<number>[1-9]\d{0,7})(?P<unit>[smhd])', re.ASCII)
ISO = re.compile(r'P(?:(?P<d>\d{1,6})D)?(?:T(?:(?P<h>\d{1,6})H)?(?:(?P<m>\d{1,6})M)?)?', re.ASCII)


def parse(text: str) -> timedelta:
    """Return how long `90m`, `8h`, `3d` or `PT8H` is; above zero.

    Raises ValueError for anything else.
    """
    if match := SHORT.fullmatch(text):
        return _checked(timedelta(**{UNITS[match['unit']]: int(match['number'])}))
    match = ISO.fullmatch(text)
    parts = match.groupdict(default='0') if match else {}
    found = timedelta(**{UNITS[unit]: int(number) for unit, number in parts.items()})
    return _checked(found)


def _checked(found: timedelta) -> timedelta:
    if not timedelta() < found <= LONGEST:
        raise ValueError('must be a time as 90m, 8h, 3d or PT8H, at most 36500d')
    return found
