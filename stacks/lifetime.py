"""How long a stack lasts, as people ask for it and as the settings allow."""

from __future__ import annotations

from datetime import datetime

import durations
from settings import Settings
from stacks.errors import Flaw, InvalidError
from stacks.moments import moment, now


def of_new_stack(settings: Settings, ttl: str | None) -> datetime | None:
    """Return when a new stack expires; None for never.

    Raises InvalidError.
    """
    if ttl is not None:
        return after(settings, ttl)
    text = settings.default_ttl or settings.max_ttl
    return after(settings, text) if text else None


def after(settings: Settings, ttl: str) -> datetime:
    """Return when something expires that lasts so long from now on.

    Raises InvalidError.
    """
    try:
        expires_at = now() + durations.parse(ttl)
    except ValueError as error:
        raise InvalidError([Flaw('/ttl', str(error))]) from error
    return _allowed(settings, expires_at, '/ttl')


def insist_on_no_limit(settings: Settings, pointer: str) -> None:
    """Raise InvalidError where nothing may last for ever."""
    if settings.max_ttl:
        raise InvalidError([Flaw(pointer, f'must be at most {settings.max_ttl} from now')])


def at(settings: Settings, text: str) -> datetime:
    """Return the moment that somebody asks for.

    Raises InvalidError.
    """
    try:
        expires_at = moment(text)
    except ValueError:
        words = 'must be a moment as 2030-01-31T12:00:00Z'
        raise InvalidError([Flaw('/expires_at', words)]) from None
    if expires_at <= now():
        words = 'must be in the future; a destroy ends a stack at once'
        raise InvalidError([Flaw('/expires_at', words)])
    return _allowed(settings, expires_at, '/expires_at')


def _allowed(settings: Settings, expires_at: datetime, pointer: str) -> datetime:
    if settings.max_ttl and expires_at > now() + durations.parse(settings.max_ttl):
        raise InvalidError([Flaw(pointer, f'must be at most {settings.max_ttl} from now')])
    return expires_at
