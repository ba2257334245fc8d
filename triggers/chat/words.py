"""What people in a chat are told of stacks and runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stacks import moments
from stacks.records import PREVIEW, SUCCEEDED, Run, Stack
from triggers.chat.parts import escaped, quoted

HELP = """\
`/infra status [STACK]` – what there is
`/infra preview STACK [PROGRAM] [INPUT=VALUE …]` – what an update would do
`/infra up STACK [PROGRAM] [INPUT=VALUE …]` – the same, and a button that does it
`/infra destroy STACK` – a button that destroys it"""
ICONS = {'succeeded': '✅', 'failed': '❌', 'cancelled': '🚫', 'interrupted': '⚠️'}
SIGNS = {'create': '+', 'update': '~', 'replace': '±', 'delete': '−'}
LOST = ('delete', 'replace')
MOST_LINES, LONGEST_LINE, MOST_NAMED = 5, 300, 10


def begun(run: Run) -> str:
    """Return that a run was queued."""
    return f'⏳ {run.operation} of {quoted(run.stack)} is queued as {run.id}. How it ends, follows.'


def ended(run: Run, asked_by: str, before: Mapping[str, Any], url: str) -> str:
    """Return how a run has ended.

    before: the stack's inputs. url: where people look at the run; empty for nowhere.
    """
    took = _seconds(run)
    head = f'{ICONS[run.state]} {run.operation} of {quoted(run.stack)} {run.state}{took}'
    lines = [head, f'asked for by {escaped(asked_by)}']
    if run.state == SUCCEEDED:
        lines += _changes(run, before)
    elif run.error:
        lines += [f'> {escaped(line)}' for line in _error(run.error)]
    if url:
        lines.append(f'{url}/portal/runs/{run.id}')
    return '\n'.join(lines)


def would_change(run: Run) -> bool:
    """Tell whether an update by a preview would do anything."""
    return any(run.changes.get(each) for each in SIGNS)


def stack(found: Stack, url: str) -> str:
    """Return what a stack is."""
    lines = [f'{quoted(found.name)} of {quoted(found.program)}: {found.state}']
    lines.append(f'owner {escaped(found.owner)}, last run {found.last_run or "–"}')
    if found.expires_at:
        lines.append(f'ends at {moments.text(found.expires_at)}')
    if url:
        lines.append(f'{url}/portal/stacks/{found.name}')
    return '\n'.join(lines)


def stacks(found: Sequence[Stack], is_more: bool) -> str:
    """Return a list of stacks."""
    lines = [f'{quoted(each.name)} of {quoted(each.program)}: {each.state}' for each in found]
    if is_more:
        lines.append('… and more.')
    return '\n'.join(lines) or 'There are no stacks.'


def asks_to_destroy(name: str, resources: Sequence[Mapping[str, Any]], asked_by: str) -> str:
    """Return what is lost with a stack."""
    names = ', '.join(quoted(str(each.get('name'))) for each in resources[:MOST_NAMED])
    more = ' …' if len(resources) > MOST_NAMED else ''
    return (
        f'⚠️ Destroy {quoted(name)}? {len(resources)} resources are lost: {names or "none"}{more}\n'
        f'asked for by {escaped(asked_by)}'
    )


def _changes(run: Run, before: Mapping[str, Any]) -> list[str]:
    signs = (f'{sign}{run.changes[name]}' for name, sign in SIGNS.items() if run.changes.get(name))
    lines = [' '.join(signs) or 'no changes']
    if run.operation == PREVIEW:
        for name, value in run.inputs.items():
            if name in before and before[name] != value:
                lines.append(f'{quoted(name)} {_short(before[name])} → {_short(value)}')
    lost = [each['name'] for each in run.resources if each['operation'] in LOST]
    if lost:
        names = ', '.join(map(quoted, lost[:MOST_NAMED]))
        lines.append(f'⚠️ {len(lost)} deleted or replaced, with what is in it: {names}')
    return lines


def _short(value: Any) -> str:
    return quoted(str(value)[:40])


def _error(error: Mapping[str, Any]) -> list[str]:
    named = f'{error["resource"]}: ' if error.get('resource') else ''
    lines = f'{named}{error["message"]}'.splitlines()[-MOST_LINES:]
    return [line[:LONGEST_LINE] for line in lines]


def _seconds(run: Run) -> str:
    if run.started_at is None or run.ended_at is None:
        return ''
    return f' in {(run.ended_at - run.started_at).total_seconds():.0f} s'
