"""Where tables come from and go to: URLs, and which of them the caller allows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from migrations.errors import MigrationError, NotAllowedError

KINDS = {
    'sqlite': 'sqlite',
    'postgresql': 'postgres',
    'postgres': 'postgres',
    'mysql': 'mysql',
    'mariadb': 'mysql',
}
PORTS = {'postgres': 5432, 'mysql': 3306}
TLS_MODES = ('disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full')
# Anything else could lead elsewhere (host, hostaddr, service) or set what this sets (options).
OPTIONS = ('sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'channel_binding')
FILES = ('sslrootcert', 'sslcert', 'sslkey')


@dataclass(frozen=True)
class Place:
    """A database that a URL names; its text has no password."""

    kind: str
    database: str
    host: str = ''
    port: int = 0
    user: str = ''
    password: str = field(default='', repr=False)
    options: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        if self.kind == 'sqlite':
            return f'sqlite:{self.database}'
        user = f'{self.user}@' if self.user else ''
        return f'{self.kind}://{user}{self.host}:{self.port}/{self.database}'

    @property
    def url(self) -> str:
        """The whole URL, password and all."""
        if self.kind == 'sqlite':
            return f'sqlite://{quote(self.database)}'
        scheme = {'postgres': 'postgresql'}.get(self.kind, self.kind)
        login = f'{quote(self.user, safe="")}:{quote(self.password, safe="")}@'
        host = f'[{self.host}]' if ':' in self.host else self.host
        options = '&'.join(f'{name}={quote(value)}' for name, value in self.options)
        name = quote(self.database, safe='')
        return f'{scheme}://{login}{host}:{self.port}/{name}' + (f'?{options}' if options else '')

    def scrubbed(self, text: str) -> str:
        """Return a text without the password."""
        for secret in {self.password, quote(self.password, safe='')}:
            text = text.replace(secret, '***') if secret else text
        return text


@dataclass(frozen=True)
class Reach:
    """Hosts (`name` or `name:port`) and folders that may be used; none when they are empty."""

    hosts: frozenset[str] = frozenset()
    folders: tuple[Path, ...] = ()

    @classmethod
    def of(cls, hosts: Iterable[str] = (), folders: Iterable[Path | str] = ()) -> Reach:
        return cls(frozenset(hosts), tuple(Path(each).resolve() for each in folders))

    def insist_on(self, place: Place) -> None:
        """Raise NotAllowedError unless the place may be used."""
        if place.kind == 'sqlite':
            self._insist_on_file(place.database)
        elif not {place.host, f'{place.host}:{place.port}'} & self.hosts:
            raise NotAllowedError(
                f'{place.host}:{place.port} is not among the hosts that may be used. '
                'Have it allowed, or take another.'
            )
        for name, value in place.options:
            if name in FILES:
                self._insist_on_file(value)

    def _insist_on_file(self, name: str) -> None:
        # Links are followed first, so that none leads out of the folder.
        path = Path(name).resolve()
        if not any(path.is_relative_to(folder) for folder in self.folders):
            raise NotAllowedError(
                f'{name} is not in a folder that may be used. Put it into one of them.'
            )


def parse(url: str) -> Place:
    """Return what a URL names; raises MigrationError, whose text has none of the URL."""
    try:
        parts = urlsplit(url)
        kind = KINDS.get(parts.scheme)
        if kind is None:
            raise MigrationError(f'A URL begins with one of {", ".join(f"{k}://" for k in KINDS)}.')
        if kind == 'sqlite':
            return _file(parts.netloc, unquote(parts.path), parts.query)
        host, port = parts.hostname or '', parts.port or PORTS[kind]
    except ValueError:
        raise MigrationError('The URL is not one: check its host and port.') from None
    database = unquote(parts.path.removeprefix('/'))
    if not host or not database or ',' in host or '/' in database:
        raise MigrationError('A URL names one host and a database: postgresql://user@host/name.')
    user, password = unquote(parts.username or ''), unquote(parts.password or '')
    return Place(kind, database, host, port, user, password, _options(parts.query))


def _file(netloc: str, path: str, query: str) -> Place:
    if netloc or query or not path.startswith('/'):
        raise MigrationError('A SQLite file is named by its whole path: sqlite:///folder/file.db.')
    return Place('sqlite', str(Path(path)))


def _options(query: str) -> tuple[tuple[str, str], ...]:
    found = tuple(parse_qsl(query, keep_blank_values=True))
    for name, value in found:
        if name not in OPTIONS:
            # Its name may be of a password that is not encoded.
            raise MigrationError(f'URLs take no options but {", ".join(OPTIONS)}.')
        if name == 'sslmode' and value not in TLS_MODES:
            raise MigrationError(f'sslmode is one of {", ".join(TLS_MODES)}.')
    return found
