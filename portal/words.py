"""How pages call things: states, operations, times, and who did something."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from portal.pictures import took
from stacks.moments import aware, now
from stacks.records import ACTIVE, OF_MIGRATIONS, Run, Stack


class State(NamedTuple):
    """A state as people see it; tint: ok, bad, warn, run or plain."""

    symbol: str
    word: str
    tint: str


RUN_STATES = {
    'queued': State('◌', 'Queued', 'plain'),
    'running': State('●', 'Running', 'run'),
    'succeeded': State('✓', 'Succeeded', 'ok'),
    'failed': State('✕', 'Failed', 'bad'),
    'cancelled': State('⊘', 'Cancelled', 'warn'),
    'interrupted': State('!', 'Interrupted', 'warn'),
}
STACK_STATES = {
    'creating': State('●', 'Creating', 'run'),
    'ready': State('✓', 'Ready', 'ok'),
    'updating': State('●', 'Updating', 'run'),
    'destroying': State('●', 'Destroying', 'run'),
    'failed': State('✕', 'Failed', 'bad'),
    'incomplete': State('!', 'Incomplete', 'warn'),
}
NOT_MADE = State('◌', 'Not made yet', 'plain')
OUTCOMES = {
    'received': State('◌', 'Received', 'plain'),
    'started': State('✓', 'Started', 'ok'),
    'waiting': State('●', 'Waiting', 'run'),
    'renewed': State('·', 'Goes on', 'plain'),
    'dry_run': State('◌', 'Dry run', 'plain'),
    'skipped': State('·', 'Skipped', 'plain'),
    'repeated': State('·', 'Repeated', 'plain'),
    'unmatched': State('·', 'No rule', 'plain'),
    'refused': State('✕', 'Refused', 'bad'),
    'failed': State('✕', 'Failed', 'bad'),
}
STATUSES = {
    'firing': 'it fires',
    'resolved': 'it is over',
    'once': 'it happened',
    'due': 'by the clock',
}
OPERATIONS = {
    'preview': 'Preview',
    'update': 'Update',
    'refresh': 'Look for changes',
    'destroy': 'Destroy',
    'plan': 'Plan',
    'migrate': 'Migrate',
    'abandon': 'Abandon',
}
# What is done with a resource: a symbol, a word, a tint, and how dangerous it is.
STEPS = {
    'replace': ('±', 'replace', 'bad'),
    'delete': ('−', 'delete', 'bad'),
    'update': ('~', 'change', 'warn'),
    'create': ('+', 'create', 'ok'),
    'read': ('·', 'read', 'plain'),
    'refresh': ('·', 'look', 'plain'),
    'same': ('·', 'unchanged', 'plain'),
}
DANGER = list(STEPS)
RESOURCE_STATES = {
    'running': State('●', 'Running', 'run'),
    'done': State('✓', 'Done', 'ok'),
    'failed': State('✕', 'Failed', 'bad'),
}
SOON, NEAR = timedelta(days=1), timedelta(hours=2)


def run_state(run: Run) -> State:
    """Return a run's state."""
    if run.cancel_requested and run.state in ACTIVE:
        return State('●', 'Cancelling', 'warn')
    return RUN_STATES[run.state]


def stack_state(stack: Stack, last: Run | None) -> State:
    """Return a stack's state, which only its last run tells whole."""
    is_waited_for = last is not None and last.state in ACTIVE and last.operation != 'preview'
    if stack.state == 'creating' and not is_waited_for:
        return NOT_MADE
    return STACK_STATES[stack.state]


def operation(run: Run) -> str:
    """Return what a run does."""
    if run.operation == 'refresh' and run.accept:
        return 'Accept changes'
    return OPERATIONS[run.operation]


def heading(run: Run) -> str:
    """Return a run in a few words."""
    names = {'preview': 'Preview', 'update': 'Update', 'destroy': 'Destroy'}
    if run.operation == 'refresh':
        return f'{operation(run)} of {run.stack}' if run.accept else f'Changes outside {run.stack}'
    if run.operation in OF_MIGRATIONS:
        return f'{operation(run)} {run.inputs["migration"]}'
    return f'{names[run.operation]} of {run.stack}'


def why(run: Run) -> str:
    """Return who had a run begin, and why."""
    reasons = {'expired': 'its time was over', 'drift check': 'a look at the times set'}
    if run.reason in reasons:
        return f'by itself: {reasons[run.reason]}'
    return f'by {run.caller}: {run.reason}' if run.reason else f'by {run.caller}'


def resource_state(state: str) -> State:
    """Return how far a resource of a run is."""
    return RESOURCE_STATES[state]


def failure(run: Run) -> tuple[str, str]:
    """Return what failed in a run, and why."""
    error = run.error or {}
    message = str(error['message'])
    if not error['resource']:
        return 'It failed', message
    heading = f'{error["resource"]} failed'
    return heading, message.removeprefix(f'{heading}: ')


def step(operation: str) -> tuple[str, str, str]:
    """Return symbol, word and tint of what is done with a resource."""
    return STEPS.get(operation, ('·', operation, 'plain'))


def kind(type: str) -> str:
    """Return the last part of a resource's type, which people know it by."""
    return type.rpartition(':')[2] or type


def duration(run: Run) -> str:
    """Return how long a run took; nothing where it has not begun."""
    if run.started_at is None:
        return ''
    end = run.ended_at or aware(now())
    return took(max(0.0, (end - run.started_at).total_seconds()))


def left(moment: datetime) -> str:
    """Return how far off a moment is, as `in 19 h` or `2 days ago`."""
    seconds = (moment - aware(now())).total_seconds()
    words = rough(abs(seconds))
    return f'in {words}' if seconds >= 0 else f'{words} ago'


def is_soon(moment: datetime) -> bool:
    """Tell whether a moment is within a day."""
    return moment - aware(now()) < SOON


def is_near(moment: datetime) -> bool:
    """Tell whether a moment is within two hours."""
    return moment - aware(now()) < NEAR


def rough(seconds: float) -> str:
    """Return a duration in one unit."""
    for size, name in ((86400, 'days'), (3600, 'h'), (60, 'min')):
        count = round(seconds / size)
        if count >= 2 or (count == 1 and name != 'days'):
            return f'{count} {name}'
    return f'{round(seconds)} s'


def about(seconds: float) -> str:
    """Return how long something takes, for who decides whether to wait."""
    return 'a few seconds' if seconds < 10 else f'about {rough(seconds)}'


def counted(count: int, noun: str) -> str:
    """Return how many of something."""
    return f'{count:,} {noun}' if count == 1 else f'{count:,} {noun}s'


def changes(run: Run) -> str:
    """Return how much a run has changed, or would, as `+3 ~1 −1`; nothing where it has failed."""
    if run.state != 'succeeded':
        return ''
    signs = {'create': '+', 'update': '~', 'replace': '±', 'delete': '−'}
    found = [f'{sign}{run.changes[name]}' for name, sign in signs.items() if run.changes.get(name)]
    return ' '.join(found) or 'no changes'
