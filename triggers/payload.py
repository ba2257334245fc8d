"""What is in the body of a call, as far as it can be stored."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from triggers.errors import MalformedError

# Of one call, and of one value of what it tells.
MOST_EVENTS = 500
MOST_LABELS = 100
LONGEST_NAME, LONGEST_VALUE = 200, 2000
# No database keeps the first as text; the others are halves of characters.
UNSTORABLE = re.compile('[\0\ud800-\udfff]')


def parse(body: bytes) -> dict[str, Any]:
    """Return the JSON object that a body is.

    Raises MalformedError.
    """
    try:
        found = json.loads(body.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise MalformedError('The body is no JSON.') from None
    if not isinstance(found, dict):
        raise MalformedError('The body must be an object.')
    return found


def mapping(value: Any, what: str) -> dict[str, Any]:
    """Return a value that must be an object, or missing.

    Raises MalformedError.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise MalformedError(f'{what} must be an object.')
    return value


def sequence(value: Any, what: str) -> Sequence[Any]:
    """Return a value that must be a list that is not too long.

    Raises MalformedError.
    """
    if not isinstance(value, list):
        raise MalformedError(f'{what} must be a list.')
    if len(value) > MOST_EVENTS:
        raise MalformedError(f'{what} may have {MOST_EVENTS} entries at most.')
    return value


def text(value: Any) -> str:
    """Return a scalar as text that can be stored; empty for anything else."""
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, str):
        return UNSTORABLE.sub('\ufffd', value)
    if isinstance(value, int | float):
        return json.dumps(value)
    return ''


def required(said: Mapping[str, Any], name: str, what: str) -> str:
    """Return a member that must be a text which says something.

    Raises MalformedError.
    """
    value = said.get(name)
    if not isinstance(value, str) or not value or len(value) > LONGEST_VALUE:
        raise MalformedError(f'{what} must have a text {name}.')
    return text(value)


def labels(said: Mapping[str, Any]) -> dict[str, str]:
    """Return the scalars among some members, each as text.

    Raises MalformedError for more than anybody means.
    """
    found = {
        text(name): text(value)
        for name, value in said.items()
        if isinstance(value, str | int | float)
    }
    is_too_long = any(
        len(name) > LONGEST_NAME or len(value) > LONGEST_VALUE for name, value in found.items()
    )
    if len(found) > MOST_LABELS or is_too_long:
        raise MalformedError(
            f'There may be {MOST_LABELS} labels of {LONGEST_VALUE} characters at most.'
        )
    return found


def short(value: Any) -> str:
    """Return a scalar as text for people, cut where it is long."""
    return text(value)[:LONGEST_NAME]


def link(value: Any) -> str:
    """Return an address that people may be led to; empty for anything else."""
    found = text(value)
    is_one = found.startswith(('https://', 'http://')) and found.isprintable()
    return found if is_one and len(found) <= LONGEST_VALUE else ''


def _refuse(name: str) -> None:
    raise ValueError(name)
