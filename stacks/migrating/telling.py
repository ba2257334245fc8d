"""A plan as people read it: what is told of it as a whole, and of each of its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from migrations import ddl
from migrations.plans import LOST, REFUSED, WIDENED, Column, Note, Plan, Table

# Of notes, the most serious first.
LEVELS = (REFUSED, LOST, WIDENED)


@dataclass(frozen=True)
class ToldTable:
    """A table of a plan.

    sql: what makes it, and then its keys and indexes.
    """

    table: Table
    sql: str

    @property
    def columns(self) -> Sequence[Column]:
        """Its columns."""
        return self.table.columns

    @property
    def notes(self) -> list[tuple[str, Note]]:
        """What is told of it and its columns: (name of the column or nothing, note)."""
        found = [('', note) for note in self.table.notes]
        found += [(each.name, note) for each in self.columns for note in each.notes]
        return sorted(found, key=_seriousness)


@dataclass(frozen=True)
class ToldPlan:
    """A plan.

    notes: of all that is in it: (where, note), the most serious first.
    bytes: of all rows, as far as it is known.
    """

    plan: Plan
    notes: Sequence[tuple[str, Note]]
    tables: Sequence[ToldTable]

    @property
    def bytes(self) -> int:
        """How large its rows are together."""
        return sum(each.table.bytes for each in self.tables)


def told(data: Mapping[str, Any]) -> ToldPlan:
    """Return a plan for people; data: as it is stored."""
    plan = Plan.of_data(dict(data))
    after: dict[str, list[str]] = {}
    for each in plan.statements:
        after.setdefault(each.table, []).append(each.sql)
    tables = [
        ToldTable(each, ';\n'.join([ddl.create_table(each), *after.get(each.name, [])]) + ';')
        for each in plan.tables
    ]
    notes = [each for each in plan.told() if each[1].level in LEVELS]
    return ToldPlan(plan, sorted(notes, key=_seriousness), tables)


def is_refused(data: Mapping[str, Any]) -> bool:
    """Tell whether something stands in the way of a plan; data: as it is stored."""
    tables = data['tables']
    parts = [data, *tables, *(column for table in tables for column in table['columns'])]
    return any(note['level'] == REFUSED for part in parts for note in part.get('notes', ()))


def _seriousness(told: tuple[str, Note]) -> int:
    level = told[1].level
    return LEVELS.index(level) if level in LEVELS else len(LEVELS)
