"""Grafana: alerts like Alertmanager's, with a signature over time and body, or with a token."""

from __future__ import annotations

from triggers import payload, signing
from triggers.event import Call, Delivery
from triggers.sources import alerts
from triggers.sources.source import Kind, Source

SIGNATURE = 'X-Grafana-Alerting-Signature'


def verify(call: Call, source: Source, now: float) -> None:
    """Raise ForgedError unless the call is signed, or carries the token where it is not to be.

    It is to be signed where the rules name the header with the time, without which a signature
    would hold for ever.
    """
    header = source.options.get('timestamp_header')
    if not header:
        signing.insist_on_token(call, source.secrets)
        return
    time = call.header(header)
    signing.insist_on_time(time, now)
    signed = f'{time}:'.encode() + call.body
    expected = [signing.hex_of(secret, signed) for secret in source.secrets]
    signing.insist(signing.is_any([_signature(call, source)], expected))


def read(call: Call, source: Source, _: float) -> Delivery:
    """Return the alerts; raises MalformedError."""
    said = payload.parse(call.body)
    is_signed = bool(source.options.get('timestamp_header'))
    key = _signature(call, source)[: payload.LONGEST_NAME] if is_signed else ''
    return Delivery(alerts.of(said), key=key, note=alerts.note(said))


def _signature(call: Call, source: Source) -> str:
    return call.header(source.options.get('signature_header') or SIGNATURE)


KIND = Kind(verify, read, ('timestamp_header', 'signature_header'))
