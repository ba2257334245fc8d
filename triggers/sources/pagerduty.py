"""PagerDuty: webhooks of version 3, signed over the body alone, so that their age is looked at."""

from __future__ import annotations

from datetime import timezone
from typing import Any

from stacks import moments
from triggers import payload, signing
from triggers.errors import ForgedError, MalformedError
from triggers.event import FIRING, ONCE, RESOLVED, Call, Delivery, Event
from triggers.sources.source import Kind, Source

HEADER = 'X-PagerDuty-Signature'
# Seconds that an event may be old: it is sent again for some twenty minutes.
OLDEST = 3600.0
STATUS = {
    'incident.triggered': FIRING,
    'incident.acknowledged': FIRING,
    'incident.unacknowledged': FIRING,
    'incident.escalated': FIRING,
    'incident.reopened': FIRING,
    'incident.resolved': RESOLVED,
}


def verify(call: Call, source: Source, _: float) -> None:
    """Raise ForgedError unless one of the signatures is by a secret."""
    given = [each.strip() for each in call.header(HEADER).split(',')]
    expected = [f'v1={signing.hex_of(secret, call.body)}' for secret in source.secrets]
    signing.insist(signing.is_any(given, expected))


def read(call: Call, _: Source, now: float) -> Delivery:
    """Return the event; raises MalformedError, and ForgedError for one that is too old."""
    event = payload.mapping(payload.parse(call.body).get('event'), 'event')
    id = payload.required(event, 'id', 'event')[: payload.LONGEST_NAME]
    kind = payload.required(event, 'event_type', 'event')
    _insist_on_age(event, now)
    if kind == 'pagey.ping':
        return Delivery([], id)
    data = payload.mapping(event.get('data'), 'data')
    incident = payload.required(data, 'id', 'data')[: payload.LONGEST_NAME]
    status = STATUS.get(kind, ONCE)
    found = Event(
        status=status,
        name=payload.short(data.get('title') or kind),
        fingerprint=incident,
        episode=incident if status != ONCE else id,
        labels=_labels(kind, data),
        url=payload.link(data.get('html_url')),
    )
    return Delivery([found], id)


def _insist_on_age(event: dict[str, Any], now: float) -> None:
    try:
        at = moments.moment(payload.required(event, 'occurred_at', 'event'))
    except ValueError:
        raise MalformedError('occurred_at must be a moment.') from None
    if abs(now - at.replace(tzinfo=timezone.utc).timestamp()) > OLDEST:
        raise ForgedError('The event is older than an hour.')


def _labels(kind: str, data: dict[str, Any]) -> dict[str, str]:
    service = payload.mapping(data.get('service'), 'service')
    priority = payload.mapping(data.get('priority'), 'priority')
    return payload.labels(
        {
            'event_type': kind,
            'service_id': service.get('id'),
            'service': service.get('summary'),
            'urgency': data.get('urgency'),
            'priority': priority.get('summary'),
            'status': data.get('status'),
        }
    )


KIND = Kind(verify, read)
