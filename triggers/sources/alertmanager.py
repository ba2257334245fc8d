"""Alertmanager: a token of the source, as it can sign nothing; alerts that it repeats."""

from __future__ import annotations

from triggers import payload, signing
from triggers.errors import MalformedError
from triggers.event import Call, Delivery
from triggers.sources import alerts
from triggers.sources.source import Kind, Source

VERSION = '4'


def verify(call: Call, source: Source, _: float) -> None:
    """Raise ForgedError unless the call carries the token."""
    signing.insist_on_token(call, source.secrets)


def read(call: Call, _: Source, __: float) -> Delivery:
    """Return the alerts; raises MalformedError."""
    said = payload.parse(call.body)
    if said.get('version') != VERSION:
        raise MalformedError(f'The version must be {VERSION!r}.')
    return Delivery(alerts.of(said), note=alerts.note(said))


KIND = Kind(verify, read)
