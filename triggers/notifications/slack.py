"""An event in words for people, in the shape that Slack and Mattermost take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stacks.moments import moment

Data = Mapping[str, Any]

ICONS = {
    'run.succeeded': '✅',
    'run.failed': '❌',
    'run.cancelled': '🚫',
    'run.interrupted': '⚠️',
    'drift.found': '🔍',
    'expiry.near': '⏳',
    'expiry.failed': '❌',
}
REASONS = {'expired': 'its time was over', 'drift check': 'a look at the times set'}
SIGNS = {'create': '+', 'update': '~', 'replace': '±', 'delete': '-'}
# Characters of an error's message, and of its lines.
LONGEST_ERROR, MOST_LINES = 600, 5


def body(type: str, data: Data, public_url: str) -> dict[str, Any]:
    """Return a message: blocks, and the same as plain text for what shows no blocks."""
    lines = [f'{ICONS[type]} {_headline(type, data)}', *_more(type, data)]
    url = link(data, public_url)
    text = '\n'.join(map(_escaped, lines))
    shown = f'{text}\n<{url}|Look at it>' if url else text
    section = {'type': 'section', 'text': {'type': 'mrkdwn', 'text': shown}}
    return {'text': shown, 'blocks': [section]}


def link(data: Data, public_url: str) -> str:
    """Return where people look at what an event is about; empty without a public URL."""
    if not public_url:
        return ''
    if 'run' in data:
        return f'{public_url}/portal/runs/{data["run"]}'
    return f'{public_url}/portal/stacks/{data["stack"]}'


def _headline(type: str, data: Data) -> str:
    name = data['stack'] or 'a migration'
    if type == 'drift.found':
        return f'{name} was changed outside'
    if type == 'expiry.near':
        return f'{name} ends at {data["expires_at"]}'
    if type == 'expiry.failed':
        return f'{name} is over, but could not be destroyed'
    took = _seconds(data)
    return f'{data["operation"]} of {name} {data["state"]}' + (f' after {took}' if took else '')


def _more(type: str, data: Data) -> list[str]:
    if type == 'expiry.near':
        return [f'It is of {data["owner"]}. To keep it: infra extend {data["stack"]} 8h']
    lines = [f'By {data["caller"]}']
    if data['reason']:
        lines = [f'By itself: {REASONS.get(data["reason"], data["reason"])}']
    if type == 'drift.found':
        lines.append(f'{_counts(data["drift"]["changes"])}. To undo it: infra up {data["stack"]}')
    elif counts := _counts(data['changes']):
        lines.append(counts)
    if type == 'expiry.failed' and data['retry_at']:
        lines.append(f'It is tried again at {data["retry_at"]}')
    return lines + (_error(data['error']) if data['error'] else [])


def _error(error: Mapping[str, Any]) -> list[str]:
    words = error['message']
    named = f'{error["resource"]}: {words}' if error['resource'] else words
    return named[:LONGEST_ERROR].splitlines()[:MOST_LINES]


def _counts(changes: Mapping[str, int]) -> str:
    return ' '.join(f'{sign}{changes[name]}' for name, sign in SIGNS.items() if changes.get(name))


def _seconds(data: Data) -> str:
    if not (data['started_at'] and data['ended_at']):
        return ''
    taken = (moment(data['ended_at']) - moment(data['started_at'])).total_seconds()
    return f'{taken:.0f} s' if taken < 120 else f'{taken / 60:.0f} min'


def _escaped(text: str) -> str:
    """Return a text that names nobody and has no markup: also not for Mattermost's `@channel`."""
    found = text.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')
    return found.replace('@', '@\u200b')
