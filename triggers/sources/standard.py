"""Any other sender: Standard Webhooks (standardwebhooks.com), with a small body of our own."""

from __future__ import annotations

import base64
import binascii

from triggers import payload, signing
from triggers.errors import MalformedError
from triggers.event import ONCE, STATUSES, Call, Delivery, Event
from triggers.sources.source import Kind, Source

ID, TIME, SIGNATURE = 'webhook-id', 'webhook-timestamp', 'webhook-signature'
PREFIX = 'whsec_'


def key_of(secret: str) -> bytes:
    """Return the key that a secret such as `whsec_…` is.

    Raises ValueError when it is none.
    """
    try:
        found = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        found = b''
    if not secret.startswith(PREFIX) or not 24 <= len(found) <= 64:
        raise ValueError(f'must be {PREFIX} and 24 to 64 bytes in base64')
    return found


def verify(call: Call, source: Source, now: float) -> None:
    """Raise ForgedError unless the call is signed by a secret, about now."""
    time, id = call.header(TIME), call.header(ID)
    signing.insist_on_time(time, now)
    signing.insist(0 < len(id) <= payload.LONGEST_NAME)
    signed = f'{id}.{time}.'.encode(errors='surrogateescape') + call.body
    expected = [f'v1,{signing.base64_of(key_of(each), signed)}' for each in source.secrets]
    signing.insist(signing.is_any(call.header(SIGNATURE).split(' '), expected))


def read(call: Call, _: Source, __: float) -> Delivery:
    """Return the event; raises MalformedError."""
    said = payload.parse(call.body)
    kind = payload.required(said, 'type', 'The body')
    id = payload.short(call.header(ID)) or signing.digest(call.body)
    status = said.get('status', ONCE)
    if status not in STATUSES:
        raise MalformedError(f'The status must be one of {", ".join(STATUSES)}.')
    data = payload.labels(payload.mapping(said.get('data'), 'data'))
    episode = id
    if status != ONCE:
        episode = payload.required(said, 'episode', 'What is firing or resolved')
    found = Event(
        status=status,
        name=payload.short(kind),
        fingerprint=payload.short(said.get('fingerprint') or episode),
        episode=episode[: payload.LONGEST_NAME],
        labels={**data, 'type': kind},
        url=payload.link(said.get('url')),
    )
    return Delivery([found], id)


KIND = Kind(verify, read)
