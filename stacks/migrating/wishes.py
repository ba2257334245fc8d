"""What is asked of a migration: whether it can be used, and as it is stored."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

from migrations.places import Place
from migrations.sources import MOST_TABLES
from stacks.errors import Flaw
from stacks.requests import End, NewMigration

LONGEST_NAME = 1000
MOST_ALLOWED = 10_000
TYPE = re.compile(r'[A-Za-z][\w ]*(\(\d+(, ?\d+)?\))?[\w ]*(\[\])?', re.ASCII)
# What is stored apart from the wishes.
ELSEWHERE = ('source', 'target', 'key', 'plan')


def named(end: End, place: Place) -> str:
    """Return an end as people may see it."""
    return f'stack {end.stack}' if end.stack is not None else str(place)


def flaws_of(request: NewMigration) -> list[Flaw]:
    """Return what of it cannot be used, whatever there is."""
    found = []
    for name, end in (('source', request.source), ('target', request.target)):
        if (end.url is None) == (end.stack is None):
            found.append(Flaw(f'/{name}', 'must have either url or stack'))
    if len(request.tables) > MOST_TABLES or not all(map(_is_name, request.tables)):
        found.append(Flaw('/tables', f'must be at most {MOST_TABLES} names of tables'))
    for pointer, name in (('schema', request.schema), ('source_schema', request.source_schema)):
        if not _is_name(name):
            found.append(Flaw(f'/{pointer}', 'must be the name of a schema'))
    if not all(_is_name(name) and TYPE.fullmatch(kind) for name, kind in request.types):
        found.append(
            Flaw('/types', 'must be types of PostgreSQL, as numeric(20,4), by table.column')
        )
    if not 0 <= request.allow_rejects <= MOST_ALLOWED:
        found.append(Flaw('/allow_rejects', f'must be a number from 0 to {MOST_ALLOWED}'))
    return found


def _is_name(text: str) -> bool:
    return 0 < len(text) <= LONGEST_NAME and '\0' not in text and text.isprintable()


def stored(request: NewMigration) -> dict[str, Any]:
    """Return what was asked for, with the names of stacks that the ends are of."""
    stacks = {'source': request.source.stack, 'target': request.target.stack}
    kept = {name: value for name, value in asdict(request).items() if name not in ELSEWHERE}
    return {**kept, 'stacks': stacks}
