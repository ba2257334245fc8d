"""Every setting of the service: its variable, its default and what it means, in one table."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import durations

ROOT = Path(__file__).absolute().parent
# Of stacks and programs; stricter than Pulumi's own, which lets `..` and a leading dash through.
NAME = re.compile('[a-z0-9][a-z0-9-]{0,59}')
DAY = 86400.0
# Requests that may wait for the end of runs at the same time; others are answered at once.
MOST_WAITING = 12
# What Pulumi gets to end by itself once its deadline has passed.
CANCEL_GRACE = 10.0
WEBSITE = re.compile(r'[\w.-]*\{bucket\}[\w.-]*(:\d+)?')
# A name or address of a host; an IPv6 one without brackets.
HOST = re.compile(r'[\w.-]+(:\d{1,5})?|[0-9a-f:]+')
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
POSTGRES = ('postgresql', 'postgres')
ENCODED = 'in a password, other characters than letters and digits must be percent-encoded'
SECONDS = ('slot_wait', 'run_timeout', 'destroy_timeout', 'operation_timeout', 'expiry_retry')
LOG_LEVELS = ('DEBUG', 'INFO', 'WARNING', 'ERROR')


class SettingsError(Exception):
    """A setting has a value that cannot be used; the message names it and says what can."""


def _setting(variable: str, default: Any, help_text: str, secret: bool = False) -> Any:
    metadata = {'variable': variable, 'help': help_text}
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True)
class Settings:
    """What the environment decides, read once at start."""

    host: str = _setting('HOST', '127.0.0.1', 'Address to listen on; beyond loopback with a token.')
    port: int = _setting('PORT', 8000, 'Port to listen on.')
    api_token: str = _setting(
        'API_TOKEN', '', 'Bearer token that every run must carry; empty: none.', secret=True
    )
    api_token_file: str = _setting('API_TOKEN_FILE', '', 'File with that token.')
    api_tokens_file: str = _setting(
        'API_TOKENS_FILE', '', 'File with a line for each of several tokens; read when it changes.'
    )
    allowed_hosts: str = _setting(
        'ALLOWED_HOSTS', '', 'Host names, with commas, that requests may name beside loopback.'
    )
    trusted_proxies: str = _setting(
        'TRUSTED_PROXIES', '', 'Addresses or networks, with commas, whose X-Forwarded-For counts.'
    )
    pulumi: str = _setting(
        'PULUMI', '', 'The pulumi executable; empty: PATH, a wheel, our own build.'
    )
    engine: str = _setting(
        'ENGINE', 'auto', '`warm`, `cli`, or `auto`: warm where it is built, else the CLI.'
    )
    slots: int = _setting('SLOTS', 4, 'Runs at the same time, each on a stack of its own.')
    slot_start: str = _setting(
        'SLOT_START',
        'lazy',
        '`lazy`: slots start when needed; `eager`: with the service, and warm.',
    )
    slot_wait: float = _setting('SLOT_WAIT', 60.0, 'Seconds a request waits for a free slot.')
    queue_limit: int = _setting('QUEUE_LIMIT', 16, 'Requests that may wait; more are refused.')
    run_timeout: float = _setting('RUN_TIMEOUT', 60.0, 'Seconds for the steps of one run.')
    destroy_timeout: float = _setting('DESTROY_TIMEOUT', 60.0, 'Seconds for the destroy after it.')
    runs_per_history: int = _setting(
        'RUNS_PER_HISTORY', 10, "Runs after which a slot's stack history is dropped."
    )
    stack: str = _setting('STACK', 'dev', 'Name of the first slot; the next are NAME-1, NAME-2.')
    state_dir: Path = _setting(
        'STATE_DIR', ROOT / '.state', 'Folder of the embedded backend, its passphrase and locks.'
    )
    programs_dir: Path = _setting(
        'PROGRAMS_DIR', ROOT / 'programs', "Folder of the catalogue: each program's folder in it."
    )
    database_url: str = _setting(
        'DATABASE_URL', '', "The platform's records; empty: a file in STATE_DIR.", secret=True
    )
    workers: int = _setting('WORKERS', 2, 'Runs on stacks that last at the same time.')
    operation_timeout: float = _setting('OPERATION_TIMEOUT', 3600.0, 'Seconds for one such run.')
    default_ttl: str = _setting(
        'DEFAULT_TTL', '', 'How long stacks last, as `8h`; empty: for ever.'
    )
    max_ttl: str = _setting('MAX_TTL', '', 'How long they may last at most; empty: for ever.')
    expiry_retry: float = _setting(
        'EXPIRY_RETRY', 60.0, 'Seconds until a destroy of what is due is tried again; then doubled.'
    )
    max_stacks: int = _setting('MAX_STACKS', 1000, 'Stacks that there may be in all.')
    max_stacks_per_owner: int = _setting(
        'MAX_STACKS_PER_OWNER', 0, 'Stacks that one owner may have; 0: as many as there may be.'
    )
    run_retention: str = _setting(
        'RUN_RETENTION', '30d', 'How long runs and their logs are kept after their end.'
    )
    drift_check: str = _setting(
        'DRIFT_CHECK', '', 'How often to look for changes outside, as `1d`; empty: never.'
    )
    object_store: str = _setting(
        'OBJECT_STORE', '', 'URL of an S3 server, or `aws`; empty: one of our own, in STATE_DIR.'
    )
    object_store_website: str = _setting(
        'OBJECT_STORE_WEBSITE', '', 'Host of its websites, as `{bucket}.web.example.com`.'
    )
    database_server: str = _setting(
        'DATABASE_SERVER',
        '',
        'URL of a PostgreSQL for databases of programs; empty: one of our own, in STATE_DIR.',
        secret=True,
    )
    triggers_file: str = _setting(
        'TRIGGERS_FILE', '', 'Rules, in TOML, of what calls from elsewhere do; read as it changes.'
    )
    migration_hosts: str = _setting(
        'MIGRATION_HOSTS', '', 'Hosts, with commas, as `db.example.com:5432`, of migrations.'
    )
    migration_folders: str = _setting(
        'MIGRATION_FOLDERS', '', 'Folders, with commas, of the SQLite files of migrations.'
    )
    public_url: str = _setting(
        'PUBLIC_URL', '', 'URL at which others reach the service, as `https://infra.example.com`.'
    )
    notifications_file: str = _setting(
        'NOTIFICATIONS_FILE', '', 'File of who is told of what; read when it changes.'
    )
    expiry_warning: str = _setting(
        'EXPIRY_WARNING', '1h', 'How long before its end a stack is told to end soon.'
    )
    outbound_networks: str = _setting(
        'OUTBOUND_NETWORKS',
        '',
        'Private networks, with commas, as `10.1.0.0/16`, to which notifications may go.',
    )
    oidc_file: str = _setting(
        'OIDC_FILE', '', 'File of the pipelines whose own tokens count; read when it changes.'
    )
    org: str = _setting('PULUMI_ORG', 'organization', 'Organisation of the stacks.')
    backend_url: str = _setting(
        'PULUMI_BACKEND_URL', '', 'Any Pulumi backend; empty: the embedded one.', secret=True
    )
    passphrase: str = _setting(
        'PULUMI_CONFIG_PASSPHRASE', '', 'Passphrase of the secrets; empty: the file.', secret=True
    )
    passphrase_file: str = _setting(
        'PULUMI_CONFIG_PASSPHRASE_FILE', '', 'File with that passphrase; empty: made in STATE_DIR.'
    )
    pulumi_home: str = _setting(
        'PULUMI_HOME', '', "Pulumi's own folder; empty: one per slot in STATE_DIR."
    )
    child_env: str = _setting(
        'CHILD_ENV', '', 'Further variables, with commas, that programs and plugins get to see.'
    )
    log_level: str = _setting('LOG_LEVEL', 'INFO', '`DEBUG`, `INFO`, `WARNING` or `ERROR`.')
    log_format: str = _setting('LOG_FORMAT', 'plain', '`plain` or `json`, one line each.')

    def __post_init__(self) -> None:
        _check(self.engine in ('auto', 'warm', 'cli'), 'ENGINE', 'auto, warm or cli')
        _check(self.slot_start in ('lazy', 'eager'), 'SLOT_START', 'lazy or eager')
        _check(0 <= self.port <= 65535, 'PORT', 'a number from 0 to 65535')
        _check(1 <= self.slots <= 64, 'SLOTS', 'a number from 1 to 64')
        _check(0 <= self.queue_limit <= 1000, 'QUEUE_LIMIT', 'a number from 0 to 1000')
        _check(self.runs_per_history >= 1, 'RUNS_PER_HISTORY', 'a number from 1 up')
        _check(self.log_level in LOG_LEVELS, 'LOG_LEVEL', ', '.join(LOG_LEVELS))
        _check(self.log_format in ('plain', 'json'), 'LOG_FORMAT', 'plain or json')
        _check(NAME.fullmatch(self.stack), 'STACK', 'lower-case letters, digits and dashes')
        _check(1 <= self.workers <= 64, 'WORKERS', 'a number from 1 to 64')
        _check(self.max_stacks >= 1, 'MAX_STACKS', 'a number from 1 up')
        _check(self.max_stacks_per_owner >= 0, 'MAX_STACKS_PER_OWNER', 'a number from 0 up')
        _check(
            not self.database_url or _is_postgres(self.database_url),
            'DATABASE_URL',
            f'empty, or postgresql://user@host/name; {ENCODED}',
        )
        _check(
            not self.database_server or _is_postgres_server(self.database_server),
            'DATABASE_SERVER',
            f'empty, or postgresql://user:password@host; {ENCODED}',
        )
        _check(
            self.object_store in ('', 'aws') or _is_http(self.object_store),
            'OBJECT_STORE',
            'empty, aws, or https://host, without a user in it; keys go into AWS_ACCESS_KEY_ID and '
            'AWS_SECRET_ACCESS_KEY',
        )
        _check(
            not self.object_store_website or WEBSITE.fullmatch(self.object_store_website),
            'OBJECT_STORE_WEBSITE',
            'a host with {bucket} in it, as {bucket}.web.example.com',
        )
        _check(
            all(HOST.fullmatch(each) for each in self.hosts_of_migrations),
            'MIGRATION_HOSTS',
            'host names or addresses, with commas, each with a port or for all ports: no URLs',
        )
        _check(
            all(each.is_absolute() for each in self.folders_of_migrations),
            'MIGRATION_FOLDERS',
            'whole paths of folders, with commas',
        )
        for name in SECONDS:
            value = getattr(self, name)
            _check(0 < value <= DAY, name.upper(), 'a number of seconds above 0, at most a day')
        _check(
            _is_public(self.public_url),
            'PUBLIC_URL',
            'empty, or https://host, without a user in it and without a slash at its end',
        )
        _check(
            self.public_url or not self.oidc_file,
            'PUBLIC_URL',
            'set where OIDC_FILE is: it is the audience that the tokens of pipelines must have',
        )
        for name in ('default_ttl', 'max_ttl', 'run_retention', 'drift_check', 'expiry_warning'):
            _check_duration(name.upper(), getattr(self, name))
        if self.default_ttl and self.max_ttl:
            fits = durations.parse(self.default_ttl) <= durations.parse(self.max_ttl)
            _check(fits, 'DEFAULT_TTL', f'at most MAX_TTL, {self.max_ttl}')
        _networks('TRUSTED_PROXIES', self.trusted_proxies)
        _networks('OUTBOUND_NETWORKS', self.outbound_networks)
        self.insist_on_token(self.host)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        return _is_loopback(self.host)

    @property
    def url_host(self) -> str:
        """HOST as a URL has it: an IPv6 address has colons of its own."""
        return f'[{self.host}]' if ':' in self.host else self.host

    def insist_on_token(self, host: str) -> None:
        """Raise SettingsError when others could reach the service at `host` without a token."""
        if not (_is_loopback(host) or self.needs_token):
            raise SettingsError(
                f'HOST={host} can be reached from elsewhere, and every GET makes infrastructure: '
                'set API_TOKEN, API_TOKEN_FILE or API_TOKENS_FILE, or listen on 127.0.0.1.'
            )

    @property
    def needs_token(self) -> bool:
        """Whether callers need a token."""
        return bool(self.api_token or self.api_tokens_file or self.oidc_file)

    @property
    def names_callers(self) -> bool:
        """Whether callers are told apart by their names."""
        return bool(self.api_tokens_file or self.oidc_file)

    @property
    def proxies(self) -> list[Network]:
        """The networks that TRUSTED_PROXIES names."""
        return _networks('TRUSTED_PROXIES', self.trusted_proxies)

    @property
    def reachable_networks(self) -> list[Network]:
        """The networks that OUTBOUND_NETWORKS names."""
        return _networks('OUTBOUND_NETWORKS', self.outbound_networks)

    @property
    def hosts_of_migrations(self) -> list[str]:
        """The hosts that MIGRATION_HOSTS names."""
        return _parts(self.migration_hosts)

    @property
    def folders_of_migrations(self) -> list[Path]:
        """The folders that MIGRATION_FOLDERS names."""
        return [Path(each) for each in _parts(self.migration_folders)]

    @property
    def longest_request(self) -> float:
        """Seconds from a run's begin to the end of its destroy, with the time to cancel each."""
        return self.run_timeout + self.destroy_timeout + 2 * CANCEL_GRACE

    @property
    def longest_shutdown(self) -> float:
        """Seconds from SIGTERM to the end: of a run that just began, and the recovery after it."""
        return self.longest_request + self.destroy_timeout + CANCEL_GRACE

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read every setting from `environ`; empty means not set.

        Raises SettingsError when a value cannot be used.
        """
        given: dict[str, Any] = {}
        for each in fields(cls):
            text = environ.get(each.metadata['variable'], '')
            if text:
                given[each.name] = _parse(each.metadata['variable'], text, type(each.default))
        if 'api_token' in given:
            given['api_token'] = _token('API_TOKEN', given['api_token'])
        elif 'api_token_file' in given:
            given['api_token'] = _token('API_TOKEN_FILE', _read(given['api_token_file']))
        return cls(**given)


def _parse(variable: str, text: str, kind: type[Any]) -> Any:
    if issubclass(kind, Path):
        return Path(text).expanduser().absolute()
    try:
        return kind(text)
    except ValueError as error:
        raise SettingsError(f'{variable}={text} is not a number.') from error


def _read(file: str) -> str:
    try:
        return Path(file).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f'API_TOKEN_FILE={file} cannot be read: {error}.') from error


def _token(variable: str, text: str) -> str:
    """Return the token in `text` as a header carries it: one line, with nothing around it."""
    token = text.strip()
    can_be_sent = token.isascii() and token.isprintable()
    _check(token and can_be_sent, variable, 'a line of printable ASCII that is not empty')
    return token


def _parts(text: str) -> list[str]:
    return [each.strip() for each in text.split(',') if each.strip()]


def _networks(variable: str, text: str) -> list[Network]:
    try:
        return [ipaddress.ip_network(each) for each in _parts(text)]
    except ValueError as error:
        wanted = 'addresses or networks, with commas'
        raise SettingsError(f'{variable} must be {wanted}: {error}.') from error


def _is_loopback(host: str) -> bool:
    if host == 'localhost':
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_postgres(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port  # Raises ValueError, as for what is a part of a password.
    except ValueError:
        return False
    return parts.scheme in POSTGRES and '//' in url and parts.netloc.count('@') <= 1


def _is_postgres_server(url: str) -> bool:
    """Tell whether a URL names a server, and who one is there."""
    parts = urlsplit(url) if _is_postgres(url) else None
    return bool(parts and parts.hostname and parts.username and 'password' not in parts.query)


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port  # Raises ValueError.
    except ValueError:
        return False
    return parts.scheme in ('http', 'https') and bool(parts.hostname) and '@' not in parts.netloc


def _is_public(url: str) -> bool:
    return not url or (_is_http(url) and not url.endswith('/'))


def _check_duration(variable: str, text: str) -> None:
    try:
        durations.parse(text or '1d')
    except ValueError as error:
        raise SettingsError(f'{variable} {error}.') from error


def _check(holds: object, variable: str, wanted: str) -> None:
    if not holds:
        raise SettingsError(f'{variable} must be {wanted}.')
