"""What the pages of lists have in common: the choice of a state, and the way to other parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlencode

from portal.fields import Option
from portal.words import State


def options(values: Iterable[str], states: Mapping[str, State], chosen: str) -> list[Option]:
    """Return the states that a list can be limited to, in the words of the page."""
    return [Option(each, states[each].word, each == chosen) for each in values]


def following(where: Mapping[str, str], cursor: str | None, name: str = 'cursor') -> str:
    """Return where the next part of a list is; empty when there is none.

    where: what the list is limited to. name: of the cursor in the query.
    """
    return f'?{urlencode({**where, name: cursor})}' if cursor else ''


def first(where: Mapping[str, str], is_further: object) -> str:
    """Return where the first part of a list is; empty when this is it."""
    return f'?{urlencode(where)}' if is_further else ''
