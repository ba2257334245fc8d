"""Settings: read once, checked, and every one of them in the README."""

from __future__ import annotations

import gc
import os
import runpy
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from gunicorn import util  # type: ignore[import-untyped]
from gunicorn.config import Config  # type: ignore[import-untyped]

from settings import Settings, SettingsError
from tests.paths import ROOT

GunicornConf = Callable[..., dict[str, Any]]

README = (ROOT / 'README.md').read_text()


@pytest.fixture
def gunicorn_conf(monkeypatch: pytest.MonkeyPatch) -> Iterator[GunicornConf]:
    """Return a function that runs gunicorn.conf.py with settings as given."""
    umask = os.umask(0)

    def run(**given: str) -> dict[str, Any]:
        for variable, value in given.items():
            monkeypatch.setenv(variable, value)
        return runpy.run_path(str(ROOT / 'gunicorn.conf.py'))

    yield run
    # The file sets them for the process.
    os.umask(umask)
    gc.enable()


def test_gunicorn_looks_for_garbage(gunicorn_conf: GunicornConf) -> None:
    """The master looks for garbage, except while it imports, also once it was reloaded."""
    given = gunicorn_conf()
    assert not gc.isenabled()
    given['on_reload'](None)
    assert gc.isenabled()


@pytest.mark.parametrize('field', fields(Settings), ids=lambda field: field.metadata['variable'])
def test_readme_has_it(field: object) -> None:
    """The README's table names each setting, its default and what it means, in the code's words."""
    default = field.default  # type: ignore[attr-defined]
    shown = default.relative_to(ROOT) if isinstance(default, Path) else default
    metadata = field.metadata  # type: ignore[attr-defined]
    value = f'`{shown:g}`' if isinstance(shown, float) else f'`{shown}`' if shown != '' else ''
    assert f'| `{metadata["variable"]}` | {value} | {metadata["help"]} |' in README


def test_defaults() -> None:
    """With nothing set the service listens on loopback, as the page does on port 8000."""
    settings = Settings.from_env({})
    assert (settings.host, settings.port, settings.stack) == ('127.0.0.1', 8000, 'dev')


def test_given(tmp_path: Path) -> None:
    """What the environment says wins, and an empty value is as good as none."""
    given = {'PORT': '8001', 'SLOT_WAIT': '2.5', 'STATE_DIR': str(tmp_path), 'PULUMI_ORG': ''}
    settings = Settings.from_env(given)
    assert settings.port == 8001
    assert settings.slot_wait == 2.5
    assert settings.state_dir == tmp_path
    assert settings.org == 'organization'


@pytest.mark.parametrize(
    ('variable', 'value'),
    [
        ('PORT', 'many'),
        ('PORT', '70000'),
        ('SLOTS', '0'),
        ('SLOT_WAIT', '-1'),
        ('SLOT_WAIT', 'nan'),
        ('RUN_TIMEOUT', '0'),
        ('ENGINE', 'hot'),
        ('STACK', '../dev'),
        ('STACK', '-dev'),
        ('LOG_LEVEL', 'loud'),
        ('RUNS_PER_HISTORY', '0'),
        ('TRUSTED_PROXIES', 'nginx.example.org'),
        ('TRUSTED_PROXIES', '10.0.0.1/8'),
        ('TRUSTED_PROXIES', '*'),
    ],
)
def test_refused(variable: str, value: str) -> None:
    """A value that cannot be used is refused by the name of its setting."""
    with pytest.raises(SettingsError, match=variable):
        Settings.from_env({variable: value})


@pytest.mark.parametrize('scheme', ['postgres', 'postgresql'])
def test_database(scheme: str) -> None:
    """A PostgreSQL is named by either scheme, with a password that does not show."""
    for rest in (
        '//db/x',
        '//me:plan%40ted@db:5432/x?sslmode=disable',
        '///x?host=/run/postgresql',
    ):
        settings = Settings.from_env({'DATABASE_URL': f'{scheme}:{rest}'})
        assert settings.database_url == f'{scheme}:{rest}'
        assert 'plan' not in repr(settings)


@pytest.mark.parametrize(
    'url',
    [
        'mysql://db/x',
        'postgresql:x',
        'postgresql://u:planted',
        'postgres://u:plan/ted@db/x',
        'postgres://u:plan@ted@db/x',
        'postgres://u:planted@db:port/x',
        'postgres://[u:planted@db',
    ],
)
def test_database_refused(url: str) -> None:
    """A database's URL that cannot be read is refused without a part of its password."""
    with pytest.raises(SettingsError, match='DATABASE_URL') as told:
        Settings.from_env({'DATABASE_URL': url})
    assert 'plan' not in str(told.value)
    assert told.value.__cause__ is None


@pytest.mark.parametrize(
    ('host', 'bound'),
    [
        ('127.0.0.1', ('127.0.0.1', 8000)),
        ('localhost', ('localhost', 8000)),
        ('::1', ('::1', 8000)),
        ('::', ('::', 8000)),
        ('2001:db8::7', ('2001:db8::7', 8000)),
    ],
)
def test_gunicorn_binds_any_host(gunicorn_conf: GunicornConf, host: str, bound: object) -> None:
    """gunicorn reads out of `bind` the host and the port that were set."""
    given = gunicorn_conf(HOST=host, API_TOKEN='a-token')
    assert util.parse_address(given['bind']) == bound


@pytest.mark.parametrize(
    ('proxies', 'trusted'), [('', ''), ('10.0.0.1, fd00::/8,', '10.0.0.1/32,fd00::/8')]
)
def test_gunicorn_trusts_the_same_proxies(
    gunicorn_conf: GunicornConf, proxies: str, trusted: str
) -> None:
    """Nobody but a trusted proxy tells gunicorn the scheme, and nobody where the routes begin."""
    given = gunicorn_conf(TRUSTED_PROXIES=proxies)
    config = Config()
    for name in ('forwarded_allow_ips', 'forwarder_headers'):
        config.set(name, given[name])
    assert ','.join(config.forwarded_allow_ips) == trusted
    assert config.forwarder_headers == []


def test_frozen() -> None:
    """Settings do not change while the service runs."""
    with pytest.raises(AttributeError):
        Settings().port = 1  # type: ignore[misc]
