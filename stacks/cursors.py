"""Where lists go on: what an earlier answer had as `next`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from settings import NAME
from stacks.errors import Flaw, InvalidError
from stacks.records import Item, Page
from stacks.store.stacks import Row

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


def numbered(found: Sequence[Row], limit: int, shown: Callable[[Row], Item]) -> Page[Item]:
    """Return the part of a list that goes on after the number of its last item.

    found: one row more than the limit, where there are so many.
    """
    items = [shown(row) for row in found[:limit]]
    return Page(items, str(found[limit - 1].number) if len(found) > limit else None)


def name(cursor: str | None) -> str:
    """Return the name that a cursor is; empty at the beginning.

    Raises InvalidError.
    """
    _insist(cursor is None or NAME.fullmatch(cursor))
    return cursor or ''


def _insist(holds: object) -> None:
    if not holds:
        raise InvalidError([Flaw('/cursor', 'must be a `next` of an earlier answer')])
