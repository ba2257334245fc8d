"""GitHub's webhooks: signed over the body alone, so that each body counts once."""

from __future__ import annotations

from typing import Any

from triggers import payload, signing
from triggers.event import FIRING, ONCE, RESOLVED, Call, Delivery, Event
from triggers.sources.source import Kind, Source

SIGNATURE = 'X-Hub-Signature-256'
EVENT = 'X-GitHub-Event'
BRANCHES = 'refs/heads/'
# What has a pull request be on, and what ends it.
ON = ('opened', 'reopened', 'synchronize', 'ready_for_review')


def verify(call: Call, source: Source, _: float) -> None:
    """Raise ForgedError unless the call is signed by a secret."""
    expected = [f'sha256={signing.hex_of(secret, call.body)}' for secret in source.secrets]
    signing.insist(signing.is_any([call.header(SIGNATURE)], expected))


def read(call: Call, _: Source, __: float) -> Delivery:
    """Return the event; raises MalformedError.

    The id of the delivery and the event's kind are in headers that nobody signs: a call that was
    recorded could come again with another id. The body has all that makes it one of its own.
    """
    said = payload.parse(call.body)
    key = signing.digest(call.body)
    kind = payload.short(call.header(EVENT))
    if kind == 'ping':
        return Delivery([], key)
    labels = _labels(kind, said)
    request = payload.mapping(said.get('pull_request'), 'pull_request')
    number = labels.get('number', '')
    is_request = kind == 'pull_request' and bool(number)
    named = payload.short(f'{labels.get("repository", "")}#{number}')
    fingerprint = named if is_request else key
    begun = payload.short(request.get('created_at')) if is_request else ''
    found = Event(
        status=_status(labels.get('action', '')) if is_request else ONCE,
        name=payload.short(f'{kind} {labels.get("repository", "")}'.strip()),
        fingerprint=fingerprint,
        episode=f'{fingerprint}@{begun}' if is_request else key,
        labels=labels,
        url=payload.link(request.get('html_url') or said.get('compare')),
    )
    return Delivery([found], key)


def _status(action: str) -> str:
    if action == 'closed':
        return RESOLVED
    return FIRING if action in ON else ONCE


def _labels(kind: str, said: dict[str, Any]) -> dict[str, str]:
    repository = payload.mapping(said.get('repository'), 'repository')
    request = payload.mapping(said.get('pull_request'), 'pull_request')
    head = payload.mapping(request.get('head'), 'head')
    ref = payload.text(said.get('ref') or head.get('ref'))
    return payload.labels(
        {
            'event': kind,
            'action': said.get('action'),
            'repository': repository.get('full_name'),
            'repository_name': repository.get('name'),
            'sender': payload.mapping(said.get('sender'), 'sender').get('login'),
            'number': said.get('number'),
            'ref': ref,
            'branch': ref.removeprefix(BRANCHES),
        }
    )


KIND = Kind(verify, read)
