"""Which pipelines are trusted with what: OIDC_FILE, a TOML file with issuers and trusts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import RefusedError
from pipelines.kinds import KINDS, Kind
from settings import NAME
from triggers.outbound import RefusedError as NoUrlError
from triggers.outbound import checked_url
from triggers.toml_tables import Tables
from watched import Watched
from web.identity import ROLES, Caller

VARIABLE = 'OIDC_FILE'
Claims = Mapping[str, Any]
Wanted = Mapping[str, frozenset[str]]

# Characters of a claim that are told.
LONGEST_TOLD = 200
TEXT = {'type': 'string', 'minLength': 1}
SEVERAL = {'anyOf': [TEXT, {'type': 'array', 'items': TEXT, 'minItems': 1}]}
A_NAME = {'type': 'string', 'pattern': f'^{NAME.pattern}$'}


CLAIMS = {
    each for kind in KINDS.values() for each in (*kind.required, *kind.optional, *kind.one_of)
}
SCHEMAS: dict[str, dict[str, Any]] = {
    'issuer': {
        'type': 'object',
        'properties': {
            'name': A_NAME,
            'kind': {'enum': list(KINDS)},
            'url': TEXT,
            'keys_url': TEXT,
        },
        'required': ['name', 'kind'],
        'additionalProperties': False,
    },
    'trust': {
        'type': 'object',
        'properties': {
            'name': A_NAME,
            'issuer': A_NAME,
            'role': {'enum': list(ROLES)},
            'programs': {'type': 'array', 'items': A_NAME, 'minItems': 1},
            'events': {'type': 'array', 'items': TEXT, 'minItems': 1},
            **dict.fromkeys(CLAIMS, SEVERAL),
        },
        'required': ['name', 'issuer', 'role'],
        'additionalProperties': False,
    },
}


@dataclass(frozen=True)
class Issuer:
    """Who makes tokens; url: as they have it in `iss`."""

    name: str
    kind: Kind
    url: str
    keys_url: str


@dataclass(frozen=True)
class Trust:
    """Some pipelines, and who they are here. wanted: by claim, the values of which it has one."""

    caller: Caller
    issuer: str
    wanted: Wanted
    events: frozenset[str]

    def fits(self, kind: Kind, claims: Claims) -> bool:
        """Tell whether the pipeline with these claims is one of them."""
        texts = {name: value for name, value in claims.items() if isinstance(value, str)}
        event = texts.get(kind.event)
        may_begin = event in self.events if self.events else event not in kind.strangers
        fits = (texts.get(name) in values for name, values in self.wanted.items())
        return event is not None and may_begin and all(fits)


@dataclass(frozen=True)
class Trusted:
    """All issuers and trusts."""

    issuers: tuple[Issuer, ...] = ()
    trusts: tuple[Trust, ...] = ()

    def issuer(self, url: object) -> Issuer:
        """Return the issuer of this URL.

        Raises RefusedError.
        """
        for each in self.issuers:
            if each.url == url:
                return each
        raise RefusedError('The token is of no issuer that is trusted here.')

    def trust(self, issuer: Issuer, claims: Claims) -> Trust:
        """Return the first trust that a pipeline fits.

        Raises RefusedError, which says what the pipeline is.
        """
        for each in self.trusts:
            if each.issuer == issuer.name and each.fits(issuer.kind, claims):
                return each
        kind = issuer.kind
        names = (*kind.required, *kind.one_of, *kind.optional, kind.event)
        said = ', '.join(f'{name} {_told(claims[name])}' for name in names if name in claims)
        raise RefusedError(f'No pipeline that is trusted here is this one: {said}.')

    def caller(self, name: str) -> Caller | None:
        """Return who the pipelines of a trust are; None when there is none of this name."""
        found = (each.caller for each in self.trusts if each.caller.name == name)
        return next(found, None)


class TrustFile:
    """What is trusted now; for any thread.

    file: empty: nothing is.

    Raises SettingsError when the file cannot be used from the start.
    """

    def __init__(self, file: str) -> None:
        self._watched = Watched(Path(file), load) if file else None

    def trusted(self) -> Trusted:
        """Return what is in force."""
        return self._watched.content() if self._watched else Trusted()


def load(file: Path) -> Trusted:
    """Return what a file trusts.

    Raises SettingsError with everything that is wrong.
    """
    tables = Tables(VARIABLE, file, SCHEMAS)
    issuers: dict[str, Issuer] = {}
    trusts: dict[str, Trust] = {}

    def make_issuer(table: Mapping[str, Any]) -> Issuer:
        found = _issuer(table)
        if found.name in issuers:
            raise ValueError('name is that of another issuer')
        if any(found.url == each.url for each in issuers.values()):
            raise ValueError('url is that of another issuer')
        return issuers.setdefault(found.name, found)

    def make_trust(table: Mapping[str, Any]) -> Trust:
        if table['issuer'] not in issuers:
            raise ValueError('issuer is none of this file')
        if table['name'] in trusts:
            raise ValueError('name is that of another trust')
        found = _trust(table, issuers[table['issuer']].kind)
        return trusts.setdefault(found.caller.name, found)

    found = tables.each('issuer', make_issuer)
    return Trusted(tuple(found), tuple(tables.each('trust', make_trust)))


def _issuer(table: Mapping[str, Any]) -> Issuer:
    kind = KINDS[table['kind']]
    url = table.get('url', kind.url)
    keys_url = table.get('keys_url', url + kind.keys)
    for name, each in (('url', url), ('keys_url', keys_url)):
        try:
            checked_url(each)
        except NoUrlError as error:
            raise ValueError(f'{name} cannot be used. {str(error).rstrip(".")}') from None
    return Issuer(table['name'], kind, url, keys_url)


def _trust(table: Mapping[str, Any], kind: Kind) -> Trust:
    known = {*kind.required, *kind.one_of, *kind.optional}
    for name in kind.required:
        if name not in table:
            raise ValueError(f'{name} is required')
    for name in sorted((CLAIMS - known) & table.keys()):
        raise ValueError(f'{name} is no claim of this issuer')
    if kind.one_of and not any(name in table for name in kind.one_of):
        raise ValueError(f'{kind.one_of[0]} is required, or {" or ".join(kind.one_of[1:])}')
    given = {**kind.usual, **{name: table[name] for name in known & table.keys()}}
    programs = frozenset(table['programs']) if 'programs' in table else None
    return Trust(
        Caller(table['name'], table['role'], programs),
        table['issuer'],
        {name: _values(value) for name, value in given.items()},
        frozenset(table.get('events', ())),
    )


def _values(given: str | list[str]) -> frozenset[str]:
    return frozenset([given] if isinstance(given, str) else given)


def _told(value: object) -> str:
    return repr(value)[:LONGEST_TOLD]
