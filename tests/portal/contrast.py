"""The contrasts of a style sheet's colours, by WCAG 2.2, in light and in dark."""

from __future__ import annotations

import re
from collections.abc import Mapping

VARIABLE = re.compile(r'--([\w-]+):\s*([^;{}]+);')
PAIR = re.compile(r'light-dark\(\s*(#\w+|white|black)\s*,\s*(#\w+|white|black)\s*\)')
NAMED = {'white': '#ffffff', 'black': '#000000'}


def colours(css: str) -> dict[str, tuple[str, str]]:
    """Return the variables that are colours, each as (in light, in dark)."""
    found = {}
    for name, value in VARIABLE.findall(css):
        if pair := PAIR.fullmatch(value.strip()):
            found[name] = pair[1], pair[2]
    return found


def ratio(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 to 21."""
    darker, lighter = sorted([_luminance(one), _luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


def table(
    css: str, pairs: Mapping[tuple[str, str], float]
) -> dict[tuple[str, str, str], tuple[float, float]]:
    """Return {(foreground, background, scheme): (contrast, what it must be)}."""
    known = colours(css)
    return {
        (front, back, scheme): (ratio(known[front][index], known[back][index]), least)
        for (front, back), least in pairs.items()
        for index, scheme in enumerate(('light', 'dark'))
    }


def _luminance(colour: str) -> float:
    text = NAMED.get(colour, colour).lstrip('#')
    if len(text) == 3:
        text = ''.join(2 * each for each in text)
    red, green, blue = (_linear(int(text[at : at + 2], 16) / 255) for at in (0, 2, 4))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
