"""What runs and their resources are called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from infra.cli import text
from infra.records import Difference, Resource, Run

# From what is lost to what is added; those that are not here come before `same`.
DANGER = ('replace', 'delete', 'update', 'create')
# Where nothing happens.
UNCHANGED = ('same', 'read', 'refresh')
SYMBOLS = {'replace': '+-', 'delete': '-', 'update': '~', 'create': '+'}
DONE = {
    'replace': 'replaced',
    'delete': 'deleted',
    'update': 'changed',
    'create': 'created',
    'same': 'unchanged',
}
PLANNED = {
    'replace': 'to replace (what is in it is lost)',
    'delete': 'to delete',
    'update': 'to change',
    'create': 'to create',
    'same': 'unchanged',
}
DOING = {
    'preview': 'Previewing',
    'update': 'Updating',
    'refresh': 'Refreshing',
    'destroy': 'Destroying',
    'plan': 'Planning',
    'migrate': 'Migrating',
    'abandon': 'Abandoning',
}


def is_change(resource: Resource) -> bool:
    """Tell whether something happens to a resource."""
    return resource.operation not in UNCHANGED


def by_danger(resources: Iterable[Resource]) -> list[Resource]:
    """Return those that something happens to, what is lost first, then by name."""
    return sorted(filter(is_change, resources), key=lambda each: (_rank(each.operation), each.name))


def marked(operation: str) -> tuple[str, str]:
    """Return an operation's symbol and its word."""
    return SYMBOLS.get(operation, '*'), 'change' if operation == 'update' else operation


def counted_of(run: Run) -> str:
    """Return how many resources something happened to in a run, or would have."""
    return counted(run.changes, PLANNED if run.operation == 'preview' else DONE)


def counted(changes: Mapping[str, int], names: Mapping[str, str] = DONE) -> str:
    """Return how many resources something happened to; `no resources` where there are none."""
    ordered = sorted(changes, key=_rank)
    parts = [f'{changes[each]} {names.get(each, each)}' for each in ordered if changes[each]]
    return ', '.join(parts) or 'no resources'


def short_type(name: str) -> str:
    """Return the last word of a type such as `random:index/randomId:RandomId`."""
    return name.rpartition(':')[2]


def difference(each: Difference) -> str:
    """Return what changes in a property, on one line."""
    old, new = (text.shown(value) for value in (each.old, each.new))
    if each.old is None:
        change = new
    elif each.new is None:
        change = f'{old} goes'
    else:
        change = f'{old} -> {new}'
    return f'{each.path}: {change}{" (forces the replacement)" if each.replaces else ""}'


def subject_of(run: Run) -> str:
    """Return what a run is about: its stack, or its migration."""
    given = run.json.get('inputs')
    of_migration = given.get('migration') if isinstance(given, dict) else None
    return run.stack or str(of_migration or 'a migration')


def doing(run: Run) -> str:
    """Return what a run does, as long as it does."""
    return f'{DOING.get(run.operation, run.operation)} {subject_of(run)}'


def end_of(run: Run) -> str:
    """Return what became of a run that has ended, and how to learn more where it was no success."""
    subject = f'The {run.operation} of {subject_of(run)}'
    if run.has_succeeded:
        # What it has come to is the migration's to tell.
        told = f': {counted_of(run)}' if run.stack else ''
        return f'{subject} has succeeded{told}.'
    words = f'{subject} {"has failed" if run.state == "failed" else f"was {run.state}"}'
    if run.error:
        where = f', at {run.error.resource}' if run.error.resource else ''
        words += f'{where}: {run.error.message}'
    return f'{words}\nIts log: infra logs {run.id}'


def _rank(operation: str) -> int:
    if operation in DANGER:
        return DANGER.index(operation)
    return len(DANGER) + (operation in UNCHANGED)
