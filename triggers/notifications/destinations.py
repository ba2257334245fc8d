"""Where notifications go: NOTIFICATIONS_FILE, a TOML file with a table for each destination."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from settings import NAME
from stacks.records import EVENTS
from triggers.outbound import RefusedError, checked_url
from triggers.toml_tables import Tables
from watched import Watched

VARIABLE = 'NOTIFICATIONS_FILE'
STANDARD, SLACK, CLOUDEVENTS = KINDS = ('standard-webhooks', 'slack', 'cloudevents')
PREFIX = 'whsec_'
# Bytes of a secret (Standard Webhooks).
LEAST_SECRET, MOST_SECRET = 24, 64
MOST_DESTINATIONS = 32
A_VARIABLE = {'type': 'string', 'pattern': '^[A-Z][A-Z0-9_]{0,99}$'}
SCHEMA: dict[str, Any] = {
    'type': 'object',
    'properties': {
        'name': {'type': 'string', 'pattern': f'^{NAME.pattern}$'},
        'kind': {'enum': list(KINDS)},
        'url': {'type': 'string'},
        'url_from': A_VARIABLE,
        'secret_from': A_VARIABLE,
        'previous_secret_from': A_VARIABLE,
        'events': {
            'type': 'array',
            'items': {'enum': list(EVENTS)},
            'minItems': 1,
            'uniqueItems': True,
        },
    },
    'required': ['name', 'kind'],
    'additionalProperties': False,
}

Environ = Mapping[str, str]
Load = Callable[[Path], 'tuple[Destination, ...]']


@dataclass(frozen=True)
class Destination:
    """Somebody who is told.

    url: may be a secret, as Slack's are. secrets: what is signed by, none for Slack.
    """

    name: str
    kind: str
    events: frozenset[str]
    url: str = field(repr=False)
    secrets: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def host(self) -> str:
        """What people may know of the URL."""
        return urlsplit(self.url).hostname or ''

    @property
    def fingerprint(self) -> str:
        """What tells this one from another one of the same name; it tells nothing of the URL."""
        said = '\n'.join([self.kind, self.url, *(each.hex() for each in self.secrets)])
        return hashlib.sha256(said.encode()).hexdigest()


class Destinations:
    """Those in force; for any thread.

    file: empty: there are none.

    Raises SettingsError when the file cannot be used from the start.
    """

    def __init__(self, file: str, environ: Environ = os.environ) -> None:
        self._watched = Watched(Path(file), lambda path: load(path, environ)) if file else None

    def all(self) -> tuple[Destination, ...]:
        """Return them in their order."""
        return self._watched.content() if self._watched else ()

    def by_name(self, name: str) -> Destination | None:
        """Return one, if there is one of this name."""
        return next((each for each in self.all() if each.name == name), None)


def load(file: Path, environ: Environ = os.environ) -> tuple[Destination, ...]:
    """Return the destinations of a file, with their secrets from the environment.

    Raises SettingsError with everything that is wrong.
    """
    known: set[str] = set()

    def make(table: Mapping[str, Any]) -> Destination:
        if table['name'] in known:
            raise ValueError('name is that of another destination')
        if len(known) == MOST_DESTINATIONS:
            raise ValueError(f'name is of one more than the {MOST_DESTINATIONS} that may be')
        known.add(table['name'])
        return _destination(table, environ)

    return tuple(Tables(VARIABLE, file, {'destination': SCHEMA}).each('destination', make))


def _destination(table: Mapping[str, Any], environ: Environ) -> Destination:
    kind = table['kind']
    if kind == SLACK and ('secret_from' in table or 'previous_secret_from' in table):
        raise ValueError('secret_from is for the other kinds: Slack knows its caller by the URL')
    if kind != SLACK and 'secret_from' not in table:
        raise ValueError('secret_from is required: a variable with the secret that is signed by')
    names = (name for name in ('secret_from', 'previous_secret_from') if name in table)
    return Destination(
        name=table['name'],
        kind=kind,
        events=frozenset(table.get('events', EVENTS)),
        url=_url(table, environ),
        secrets=tuple(_secret(name, _value(name, table[name], environ)) for name in names),
    )


def _url(table: Mapping[str, Any], environ: Environ) -> str:
    if ('url' in table) == ('url_from' in table):
        raise ValueError('url must be given, or url_from with the variable that has it')
    if table['kind'] == SLACK and 'url' in table:
        raise ValueError('url must not stand here: Slack takes whoever knows it. Give url_from')
    name = 'url' if 'url' in table else 'url_from'
    url = str(table['url']) if 'url' in table else _value(name, table[name], environ)
    try:
        checked_url(url)
    except RefusedError as error:
        raise ValueError(f'{name} cannot be used. {str(error).rstrip(".")}') from None
    return url


def _value(name: str, variable: str, environ: Environ) -> str:
    """Return what a variable says, or the file that the variable with _FILE at its end names."""
    if found := environ.get(variable, '').strip():
        return found
    file = environ.get(f'{variable}_FILE', '')
    if not file:
        raise ValueError(f'{name} names {variable}, which is not set, nor {variable}_FILE')
    try:
        return Path(file).read_text('utf-8').strip()
    except (OSError, UnicodeDecodeError):
        raise ValueError(f'{name} names {variable}, whose file cannot be read') from None


def _secret(name: str, text: str) -> bytes:
    try:
        found = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        found = b''
    if not text.startswith(PREFIX) or not LEAST_SECRET <= len(found) <= MOST_SECRET:
        raise ValueError(
            f'{name} names what is no secret: it must be {PREFIX} and, in base64, '
            f'{LEAST_SECRET} to {MOST_SECRET} bytes'
        )
    return found
