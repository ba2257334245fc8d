"""How pages call what becomes of a migration: its state, its steps, sizes."""

from __future__ import annotations

from typing import NamedTuple

from migrations.plans import LOST, REFUSED, WIDENED
from portal import words
from portal.words import State
from stacks.migrating import telling
from stacks.records import ABANDON, MIGRATE, PLAN, Migration

# By operation and state; others are called as those of runs.
STATES = {
    (PLAN, 'running'): State('●', 'Planning', 'run'),
    (PLAN, 'succeeded'): State('?', 'Waits for you', 'warn'),
    (PLAN, 'failed'): State('✕', 'Not planned', 'bad'),
    (MIGRATE, 'running'): State('●', 'Moving', 'run'),
    (MIGRATE, 'succeeded'): State('✓', 'Moved', 'ok'),
    (ABANDON, 'running'): State('●', 'Being removed', 'run'),
    (ABANDON, 'failed'): State('✕', 'Not removed', 'bad'),
}
REFUSED_STATE = State('✕', 'Cannot be moved', 'bad')
# In their order; where what was copied is read again, that stands in place of the first.
STEPS = {
    'copy': 'Copying',
    'check': 'Comparing',
    'build': 'Keys and indexes',
}
AGAIN = 'again'
LEVELS = {
    REFUSED: ('✕', 'cannot be carried over', 'bad'),
    LOST: ('−', 'lost', 'warn'),
    WIDENED: ('~', 'changed', 'plain'),
}
# What another attempt with the same plan cannot mend.
FINAL = ('ChangedError', 'MismatchError', 'UnfitError')
UNITS = ('bytes', 'kB', 'MB', 'GB', 'TB')


class Step(NamedTuple):
    """A step of a migration; mark: done, now or next."""

    symbol: str
    word: str
    mark: str


def state(found: Migration) -> State:
    """Return a migration's state."""
    if found.cancel_requested and not found.has_ended:
        return words.CANCELLING
    if found.operation == PLAN and found.plan and telling.is_refused(found.plan):
        return REFUSED_STATE
    usual = words.RUN_STATES[found.state]
    return STATES.get((found.operation, found.state), usual)


def heading(found: Migration) -> str:
    """Return a migration in a few words."""
    return f'{name(found.source)} → {name(found.target)}'


def name(end: str) -> str:
    """Return what people know an end by: its stack, file or database."""
    return end.removeprefix('stack ').rpartition('/')[2] or end


def steps(found: Migration) -> list[Step]:
    """Return the steps of a migration that is on, with how far each is."""
    at = str((found.progress or {}).get('step', ''))
    order = list(STEPS)
    now = order.index(at) if at in order else 0
    names = {**STEPS, 'copy': 'Reading again' if at == AGAIN else STEPS['copy']}
    marks = [
        *[('✓', 'done')] * now,
        ('●', 'now'),
        *[('◌', 'next')] * (len(order) - now - 1),
    ]
    pairs = zip(names.values(), marks, strict=True)
    return [Step(symbol, word, mark) for word, (symbol, mark) in pairs]


def counts_rows(found: Migration) -> bool:
    """Tell whether the step that a migration is at goes row by row."""
    return found.progress is not None and found.progress['step'] != 'build'


def progress(found: Migration) -> str:
    """Return how far a migration is; empty where nobody knows."""
    now = found.progress
    if now is None or not counts_rows(found):
        return ''
    said = [f'{now["rows"]:,} of {now["total"]:,} rows']
    if now['rate']:
        said.append(f'{now["rate"]:,.0f} rows a second')
    if now['seconds_left'] is not None:
        said.append(f'{words.about(now["seconds_left"])} left')
    return ', '.join(said)


def brief(found: Migration) -> str:
    """Return how far a migration is, or what it has brought, for a list."""
    if found.rows is not None:
        return words.counted(found.rows, 'row')
    if found.operation == MIGRATE and found.progress:
        return f'{100 * found.progress["rows"] // max(1, found.progress["total"])}%'
    return ''


def size(count: int) -> str:
    """Return a number of bytes in the unit that people say."""
    value = float(count)
    for unit in UNITS[:-1]:
        if value < 1000:
            return f'{value:.0f} {unit}'
        value /= 1000
    return f'{value:,.0f} {UNITS[-1]}'


def can_go_on(found: Migration) -> bool:
    """Tell whether another attempt may bring more than the last one."""
    return (found.error or {}).get('detail') not in FINAL


def allows_more(found: Migration) -> bool:
    """Tell whether it failed as more rows do not fit than were allowed for."""
    return (found.error or {}).get('detail') == 'RejectsError'
