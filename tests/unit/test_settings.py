"""Settings: read once, checked, and every one of them in the README."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from settings import Settings, SettingsError
from tests.paths import ROOT

README = (ROOT / 'README.md').read_text()


@pytest.mark.parametrize('field', fields(Settings), ids=lambda field: field.metadata['variable'])
def test_readme_has_it(field: object) -> None:
    """The README's table names each setting, its default and what it means, in the code's words."""
    default = field.default  # type: ignore[attr-defined]
    shown = '.state' if isinstance(default, Path) else default
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
    ],
)
def test_refused(variable: str, value: str) -> None:
    """A value that cannot be used is refused by the name of its setting."""
    with pytest.raises(SettingsError, match=variable):
        Settings.from_env({variable: value})


def test_frozen() -> None:
    """Settings do not change while the service runs."""
    with pytest.raises(AttributeError):
        Settings().port = 1  # type: ignore[misc]
