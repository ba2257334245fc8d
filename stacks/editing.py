"""Changing what is known of a stack, without its resources: a merge patch (RFC 7396)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from settings import NAME, Settings
from stacks import lifetime
from stacks.errors import Flaw, InvalidError
from stacks.ordering import flaws_of_description

Columns = dict[str, Any]


def columns(settings: Settings, changes: Mapping[str, Any]) -> Columns:
    """Return what changes in the database.

    changes: any of `ttl`, `expires_at`, `owner`, `description` and `protected`, as JSON has them.

    Raises InvalidError with everything that is wrong.
    """
    found: Columns = {}
    flaws: list[Flaw] = []
    if 'ttl' in changes and 'expires_at' in changes:
        flaws.append(Flaw('/ttl', 'says the same as expires_at: give one of them'))
    for name, value in changes.items():
        try:
            found |= FIELDS[name](settings, value)
        except KeyError:
            flaws.append(Flaw(f'/{name}', 'cannot be changed'))
        except InvalidError as error:
            flaws += error.flaws
    if flaws:
        raise InvalidError(flaws)
    return found


def _ttl(settings: Settings, value: Any) -> Columns:
    if value is None:
        lifetime.insist_on_no_limit(settings, '/ttl')
        return _expiring(None)
    if not isinstance(value, str):
        raise InvalidError([Flaw('/ttl', 'must be a time as 8h, or null')])
    return _expiring(lifetime.after(settings, value))


def _expires_at(settings: Settings, value: Any) -> Columns:
    if value is None:
        lifetime.insist_on_no_limit(settings, '/expires_at')
        return _expiring(None)
    if not isinstance(value, str):
        raise InvalidError([Flaw('/expires_at', 'must be a moment, or null')])
    return _expiring(lifetime.at(settings, value))


def _expiring(moment: Any) -> Columns:
    # Whatever was tried in vain before counts no more.
    return {'expires_at': moment, 'expiry_failures': 0, 'expiry_retry_at': None}


def _owner(_: Settings, value: Any) -> Columns:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        words = 'must be at most 60 lower-case letters, digits and dashes'
        raise InvalidError([Flaw('/owner', words)])
    return {'owner': value}


def _description(_: Settings, value: Any) -> Columns:
    text = '' if value is None else value
    if not isinstance(text, str):
        raise InvalidError([Flaw('/description', 'must be text')])
    if flaws := flaws_of_description(text):
        raise InvalidError(flaws)
    return {'description': text}


def _protected(_: Settings, value: Any) -> Columns:
    if not isinstance(value, bool | None):
        raise InvalidError([Flaw('/protected', 'must be true or false')])
    return {'protected': bool(value)}


FIELDS: dict[str, Callable[[Settings, Any], Columns]] = {
    'ttl': _ttl,
    'expires_at': _expires_at,
    'owner': _owner,
    'description': _description,
    'protected': _protected,
}
