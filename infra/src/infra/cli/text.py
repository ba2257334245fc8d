"""Text for a terminal, whoever wrote it: how wide it is, cut where it is too wide."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

# Escapes of a terminal, with their parameters, then every other control character.
ESCAPES = re.compile(r'\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?')
CONTROLS = re.compile(r'[\x00-\x08\x0b-\x1f\x7f-\x9f]')
# What turns the direction of all that follows.
DIRECTIONS = re.compile('[\u202a-\u202e\u2066-\u2069]')
# Half of a character, which no encoding has.
SURROGATES = re.compile('[\ud800-\udfff]')
ELLIPSIS = '…'


def printable(text: str) -> str:
    """Return text without what a terminal takes for commands."""
    for pattern in (ESCAPES, CONTROLS, DIRECTIONS):
        text = pattern.sub('', text)
    return SURROGATES.sub('\ufffd', text)


def one_line(text: str) -> str:
    """Return text as one line that a terminal may get."""
    return printable(' '.join(text.split()))


def shown(value: Any) -> str:
    """Return a value of JSON as people read it: a text bare, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def width(text: str) -> int:
    """Return how many columns text takes."""
    return sum(map(_columns, text))


def padded(text: str, columns: int) -> str:
    """Return text with spaces after it."""
    return text + ' ' * (columns - width(text))


def cut(text: str, columns: int) -> str:
    """Return text that takes at most some columns."""
    if width(text) <= columns:
        return text
    left = columns - width(ELLIPSIS)
    kept = ''
    for character in text:
        left -= _columns(character)
        if left < 0:
            break
        kept += character
    return kept + ELLIPSIS


def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ('Cf', 'Me', 'Mn'):
        return 0
    return 2 if unicodedata.east_asian_width(character) in 'WF' else 1
