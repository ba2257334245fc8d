"""The alerts in a call of Alertmanager, which Grafana's are like."""

from __future__ import annotations

from typing import Any

from triggers import payload
from triggers.errors import MalformedError
from triggers.event import FIRING, RESOLVED, Event


def of(said: dict[str, Any]) -> list[Event]:
    """Return the alerts of a call, each by itself: labels that differ are not common to a group.

    Raises MalformedError.
    """
    found = payload.sequence(said.get('alerts'), 'alerts')
    return [_event(payload.mapping(each, 'An alert')) for each in found]


def note(said: dict[str, Any]) -> str:
    """Return what is missing in a call."""
    left_out = said.get('truncatedAlerts')
    if isinstance(left_out, int) and left_out > 0:
        return f'{left_out} alerts were left out by the sender: have max_alerts be 0.'
    return ''


def _event(alert: dict[str, Any]) -> Event:
    status = alert.get('status')
    if status not in (FIRING, RESOLVED):
        raise MalformedError('The status of an alert must be firing or resolved.')
    labels = payload.labels(payload.mapping(alert.get('labels'), 'labels'))
    fingerprint = payload.required(alert, 'fingerprint', 'An alert')[: payload.LONGEST_NAME]
    begun = payload.required(alert, 'startsAt', 'An alert')[: payload.LONGEST_NAME]
    return Event(
        status=status,
        name=payload.short(labels.get('alertname') or 'alert'),
        fingerprint=fingerprint,
        episode=f'{fingerprint}@{begun}',
        labels=labels,
        url=payload.link(alert.get('generatorURL')),
    )
