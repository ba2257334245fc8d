"""A plan: what is carried over and as what, told before a row moves. It is plain data."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from dataclasses import dataclass
from typing import Any

# What a note says of the thing it is about.
SAME, WIDENED, LOST, REFUSED = 'same', 'widened', 'lost', 'refused'


@dataclass(frozen=True)
class Note:
    """How something differs in the target, and why."""

    level: str
    text: str


@dataclass(frozen=True)
class Identity:
    """Numbers that the database gives by itself: the options of its sequence."""

    always: bool = False
    options: str = ''
    # The sequence of the source that says which number is next; empty: the column's largest.
    sequence: str = ''


@dataclass(frozen=True)
class Column:
    """A column: what it is in the source, and becomes."""

    name: str
    source_type: str
    target_type: str
    # How values are written for COPY, and made comparable (migrations/forms.py).
    form: str
    # How the source gives them, where that is not plainly.
    reads: str = ''
    not_null: bool = False
    default: str | None = None
    generated: str | None = None
    identity: Identity | None = None
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Part:
    """A relation of the source that holds rows of the table."""

    schema: str
    name: str


@dataclass(frozen=True)
class Table:
    """A table, and what it was read from."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    # Those by which chunks are cut, where the source cuts by a key.
    order: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    binary: bool = False
    rows: int = 0
    bytes: int = 0
    # Bytes of the largest row, as far as it is known; 0: small.
    largest: int = 0
    notes: tuple[Note, ...] = ()

    @property
    def copied(self) -> tuple[Column, ...]:
        """The columns whose values move; the target works out the others."""
        return tuple(each for each in self.columns if each.generated is None)


@dataclass(frozen=True)
class Statement:
    """DDL of a thing beside the tables. Its names are those of the schema that it runs in."""

    kind: str
    table: str
    name: str
    sql: str


@dataclass(frozen=True)
class Plan:
    """All that will be done."""

    source: str
    target: str
    schema: str
    tables: tuple[Table, ...]
    # Before the tables: types and domains. After the rows: keys, indexes, foreign keys.
    types: tuple[Statement, ...] = ()
    statements: tuple[Statement, ...] = ()
    notes: tuple[Note, ...] = ()
    # Of the source's tables: a change of them makes the plan void.
    fingerprint: str = ''
    seconds: float = 0.0
    # Tables of these names are moved into a backup schema.
    replaced: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)

    @property
    def refusals(self) -> list[str]:
        """What stands in the way, each with its place."""
        return [f'{where}: {note.text}' for where, note in self.told() if note.level == REFUSED]

    def told(self) -> list[tuple[str, Note]]:
        """Return all notes, each with the place that it is about."""
        found = [('database', note) for note in self.notes]
        for table in self.tables:
            found += [(table.name, note) for note in table.notes]
            for column in table.columns:
                found += [(f'{table.name}.{column.name}', note) for note in column.notes]
        return found

    def as_data(self) -> dict[str, Any]:
        """Return it for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def of_data(cls, data: dict[str, Any]) -> Plan:
        """Return the plan that was made into data."""
        found: Plan = _built(cls, data)
        return found


@functools.cache
def _hints(wanted: type) -> dict[str, Any]:
    # Worked out once: a plan has thousands of columns.
    return typing.get_type_hints(wanted)


def _built(wanted: Any, data: Any) -> Any:
    """Return data as an instance of a type: a dataclass, a tuple, or what JSON has itself."""
    if data is None:
        return None
    if isinstance(wanted, types.UnionType):
        wanted = typing.get_args(wanted)[0]
    if typing.get_origin(wanted) is tuple:
        inner = typing.get_args(wanted)[0]
        return tuple(_built(inner, each) for each in data)
    if dataclasses.is_dataclass(wanted) and isinstance(wanted, type):
        hints = _hints(wanted)
        return wanted(**{name: _built(hints[name], value) for name, value in data.items()})
    return data
