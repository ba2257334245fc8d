"""How senders prove that a call is theirs: tokens and signatures, compared in constant time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Sequence

from triggers.errors import ForgedError
from triggers.event import Call

# Seconds by which the time in a signature may differ from now: what is older may be a replay.
WINDOW = 300.0
MOST_DIGITS = 12
FORGED = 'The call is not signed with the secret of this source.'


def insist(holds: bool) -> None:
    """Raise ForgedError unless something holds."""
    if not holds:
        raise ForgedError(FORGED)


def is_any(given: Iterable[str], expected: Iterable[str]) -> bool:
    """Tell whether one of some texts is one of the expected ones, in constant time for each."""
    wanted = [each.encode() for each in expected]
    # As bytes: what a header has beyond ASCII would be an error, and no answer.
    found = [each.encode(errors='surrogateescape') for each in given]
    return any([hmac.compare_digest(one, other) for one in found for other in wanted])


def insist_on_token(call: Call, secrets: Sequence[str]) -> None:
    """Raise ForgedError unless the call has a secret as a bearer token, or as a password."""
    scheme, _, value = call.header('authorization').partition(' ')
    given = value.strip()
    if scheme.lower() == 'basic':
        given = _password(given)
    insist(scheme.lower() in ('bearer', 'basic') and is_any([given], secrets))


def hex_of(secret: str, signed: bytes) -> str:
    """Return the HMAC-SHA256 of what is signed, in hexadecimal."""
    return hmac.digest(secret.encode(), signed, hashlib.sha256).hex()


def base64_of(key: bytes, signed: bytes) -> str:
    """Return the HMAC-SHA256 of what is signed, in base64."""
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def insist_on_time(text: str, now: float) -> None:
    """Raise ForgedError unless a text is a time, in seconds since 1970, that is about now."""
    is_number = text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS
    if not is_number or abs(now - int(text)) > WINDOW:
        raise ForgedError(f'The time of the call is missing, or not within {WINDOW:.0f} seconds.')


def digest(body: bytes) -> str:
    """Return what is the same for the same body."""
    return hashlib.sha256(body).hexdigest()


def _password(given: str) -> str:
    try:
        return base64.b64decode(given, validate=True).decode().partition(':')[2]
    except (binascii.Error, ValueError):
        return ''
