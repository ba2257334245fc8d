"""Where lists go on: what an earlier answer had as `next`."""

from __future__ import annotations

from settings import NAME
from stacks.errors import Flaw, InvalidError

# Of a run's number, as large as databases have them.
MOST_DIGITS = 9


def number(cursor: str | None) -> int | None:
    """Return the number that a cursor is.

    Raises InvalidError.
    """
    if cursor is None:
        return None
    _insist(cursor.isascii() and cursor.isdigit() and len(cursor) <= MOST_DIGITS)
    return int(cursor)


def name(cursor: str | None) -> str:
    """Return the name that a cursor is; empty at the beginning.

    Raises InvalidError.
    """
    _insist(cursor is None or NAME.fullmatch(cursor))
    return cursor or ''


def _insist(holds: object) -> None:
    if not holds:
        raise InvalidError([Flaw('/cursor', 'must be a `next` of an earlier answer')])
