"""How an event is told: the body and the headers of one attempt, by the kind of destination."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from stacks import moments
from triggers.notifications import slack
from triggers.notifications.destinations import CLOUDEVENTS, SLACK, STANDARD, Destination

JSON = 'application/json'


@dataclass(frozen=True)
class Event:
    """What is told.

    id: the same for all attempts. data: as stacks.store.events has it.
    """

    id: str
    type: str
    stack: str
    data: Mapping[str, Any]
    happened_at: datetime


@dataclass(frozen=True)
class Message:
    """What is sent."""

    body: bytes
    headers: dict[str, str]


def message(destination: Destination, event: Event, public_url: str, moment: datetime) -> Message:
    """Return what is sent of an event at a moment.

    public_url: where people reach the service; empty: no links.
    """
    media_type, said = BODIES[destination.kind](event, public_url)
    body = json.dumps(said, ensure_ascii=False, separators=(',', ':')).encode()
    headers = {'Content-Type': media_type, 'User-Agent': 'infra-notifications'}
    if destination.secrets:
        headers |= _signed(destination.secrets, event.id, moment, body)
    return Message(body, headers)


def _signed(secrets: Sequence[bytes], id: str, moment: datetime, body: bytes) -> dict[str, str]:
    """Return the headers of Standard Webhooks, with a signature by each secret."""
    timestamp = str(int(moment.timestamp()))
    said = f'{id}.{timestamp}.'.encode() + body
    digests = (hmac.digest(secret, said, hashlib.sha256) for secret in secrets)
    return {
        'Webhook-Id': id,
        'Webhook-Timestamp': timestamp,
        'Webhook-Signature': ' '.join(f'v1,{base64.b64encode(each).decode()}' for each in digests),
    }


def _standard(event: Event, public_url: str) -> tuple[str, Any]:
    data = _with_link(event, public_url)
    return JSON, {'type': event.type, 'timestamp': moments.text(event.happened_at), 'data': data}


def _cloudevent(event: Event, public_url: str) -> tuple[str, Any]:
    said = {
        'specversion': '1.0',
        'id': event.id,
        'source': public_url or '/',
        'type': event.type,
        'time': moments.text(event.happened_at),
        'datacontenttype': JSON,
        'data': _with_link(event, public_url),
    }
    return 'application/cloudevents+json', said | ({'subject': event.stack} if event.stack else {})


def _slack(event: Event, public_url: str) -> tuple[str, Any]:
    return JSON, slack.body(event.type, event.data, public_url)


def _with_link(event: Event, public_url: str) -> dict[str, Any]:
    url = slack.link(event.data, public_url)
    return {**event.data, **({'url': url} if url else {})}


BODIES: dict[str, Callable[[Event, str], tuple[str, Any]]] = {
    STANDARD: _standard,
    SLACK: _slack,
    CLOUDEVENTS: _cloudevent,
}
