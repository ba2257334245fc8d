"""What a preview says, as people decide by it."""

from __future__ import annotations

from infra.cli import words
from infra.cli.context import Context
from infra.records import Resource, Run

HEADS = ('', '', 'RESOURCE', 'TYPE', 'WHAT CHANGES')


def has_changes(preview: Run) -> bool:
    """Tell whether an update would do anything."""
    return any(map(words.is_change, preview.resources)) or any(
        count for operation, count in preview.changes.items() if operation not in words.UNCHANGED
    )


def tell(context: Context, preview: Run) -> None:
    """Tell what an update would do, for a question that follows."""
    if rows := _rows(preview):
        context.warn_table(HEADS, rows)
    context.warn(summary(preview))


def put(context: Context, preview: Run) -> None:
    """Give what an update would do, as result."""
    if rows := _rows(preview):
        context.put_table(HEADS, rows)
    context.put(summary(preview))


def summary(preview: Run) -> str:
    """Return what an update would do, in one sentence."""
    if not has_changes(preview):
        return (
            f'{preview.stack}: nothing to change, {words.counted(preview.changes, words.PLANNED)}.'
        )
    return f'{preview.stack}: {words.counted(preview.changes, words.PLANNED)}.'


def _rows(preview: Run) -> list[tuple[str, ...]]:
    return [_row(each) for each in words.by_danger(preview.resources)]


def _row(resource: Resource) -> tuple[str, ...]:
    kind = words.short_type(resource.type)
    # What is new or goes is told by that alone.
    is_whole = resource.operation in ('create', 'delete')
    changes = '' if is_whole else '; '.join(map(words.difference, resource.differences))
    return *words.marked(resource.operation), resource.name, kind, changes
