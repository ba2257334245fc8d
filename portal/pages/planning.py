"""How much of a plan a page has room for."""

from __future__ import annotations

from portal.migration_views import PlanPart
from stacks.migrating.telling import ToldPlan, ToldTable

NOTES_SHOWN = 12
# Of one table; of one with more, the file with the plan has them.
COLUMNS_SHOWN = 60
LONGEST_SQL = 3000
# Characters around a table and a column, about.
TABLE, COLUMN = 520, 170


def part(told: ToldPlan, room: int, most: int, offset: int = 0) -> PlanPart:
    """Return a plan: whole where there is room for all of its columns, else its tables as a list.

    room: in characters. most: tables of the list. offset: tables before its first one.
    """
    numbered = list(enumerate(told.tables))
    is_whole = sum(map(_size, told.tables)) <= room
    offset = 0 if is_whole else offset
    tables = numbered if is_whole else numbered[offset : offset + most]
    end = offset + len(tables)
    return PlanPart(
        told=told,
        notes=told.notes[:NOTES_SHOWN],
        tables=tables,
        is_whole=is_whole,
        offset=offset,
        next=end if end < len(numbered) else 0,
    )


def _size(told: ToldTable) -> int:
    columns = told.columns[:COLUMNS_SHOWN]
    notes = [note for each in columns for note in each.notes]
    names = (len(each.name) + len(each.source_type) + len(each.target_type) for each in columns)
    around = TABLE + len(told.table.name) + COLUMN * len(columns) + min(len(told.sql), LONGEST_SQL)
    return around + sum(names) + sum(len(each.text) for each in (*notes, *told.table.notes))
