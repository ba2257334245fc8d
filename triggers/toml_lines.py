"""On which line of a TOML file something stands, which its reader does not tell."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

Path = tuple[str | int, ...]
# What its reader does not tell by an error of its own.
BEYOND = 'it is nested too deep, or has a number that is too long'
HEADER = re.compile(r'\s*(?P<open>\[\[?)(?P<name>[^\]]+)\]')
KEY = re.compile(r'\s*(?P<name>(?:[\w-]+|"[^"]*"|\'[^\']*\')(?:\s*\.\s*[\w"\'-]+)*)\s*=')


def line_of(text: str, path: Path) -> int:
    """Return the line of what is at a path, or of the nearest thing around it; from 1 on."""
    best, line = -1, 1
    for number, found in _places(text):
        if found == path[: len(found)] and len(found) > best:
            best, line = len(found), number
    return line


def _places(text: str) -> Iterator[tuple[int, Path]]:
    """Yield each line that begins something, with its path."""
    table: Path = ()
    counts: Counter[str] = Counter()
    for number, line in enumerate(text.splitlines(), 1):
        if header := HEADER.match(line):
            names = _names(header['name'])
            if header['open'] == '[[':
                counts[names[0]] += 1
            first = names[0]
            index: Path = (counts[first] - 1,) if counts[first] else ()
            table = (first, *index, *names[1:])
            yield number, table
        elif key := KEY.match(line):
            yield number, (*table, *_names(key['name']))


def _names(text: str) -> tuple[str, ...]:
    return tuple(each.strip().strip('"\'') for each in text.split('.'))
