"""Which executables WarmPulumi() takes, and what it says where none fit."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from warm_pulumi import ExecutablesError, WarmPulumi, executables, versions

FITTING = f'v{versions.text(versions.CLI)}'


def program(path: Path, answer: str = '') -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!{sys.executable}\nprint({answer!r})')
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody whose PATH is one folder, with the engine in it."""
    program(tmp_path / 'bin' / 'pulumi-warm')
    return {'PATH': str(tmp_path / 'bin')}


def test_own_come_first(tmp_path: Path, environ: dict[str, str]) -> None:
    """What came with the package is taken, whatever is on PATH."""
    program(tmp_path / 'bin' / 'pulumi', 'v3.1.0')
    own = [program(tmp_path / 'own' / name) for name in ('pulumi-warm', 'pulumi')]
    assert executables.find(environ, str(tmp_path / 'own')) == tuple(own)


def test_own_that_may_not_be_executed(tmp_path: Path, environ: dict[str, str]) -> None:
    """What came with the package but may not be executed is told, and what to do then."""
    for name in ('pulumi-warm', 'pulumi'):
        Path(program(tmp_path / 'own' / name)).chmod(0o644)
    with pytest.raises(ExecutablesError, match='own/pulumi-warm may not be executed'):
        executables.find(environ, str(tmp_path / 'own'))


def test_path(tmp_path: Path, environ: dict[str, str]) -> None:
    """Without those, an engine and a CLI of the right version on PATH are taken."""
    cli = program(tmp_path / 'bin' / 'pulumi', FITTING)
    found = executables.find(environ, str(tmp_path / 'own'))
    assert found == (str(tmp_path / 'bin' / 'pulumi-warm'), cli)


@pytest.mark.parametrize(
    ('answer', 'told'),
    [
        pytest.param('v3.10.0', r'is Pulumi 3\.10\.0, and this warm_pulumi goes with', id='old'),
        pytest.param(f'{FITTING}-dev.1', r'-dev\.1, and this', id='not released'),
        pytest.param('hello', 'a version that it does not tell', id='another program'),
    ],
)
def test_version_that_does_not_fit(
    tmp_path: Path, environ: dict[str, str], answer: str, told: str
) -> None:
    """A CLI of another version is told, with the one that fits and the other way."""
    program(tmp_path / 'bin' / 'pulumi', answer)
    with pytest.raises(ExecutablesError, match=told) as caught:
        executables.find(environ, str(tmp_path / 'own'))
    assert versions.text(versions.CLI) in str(caught.value)
    assert 'install the wheel' in str(caught.value)


def test_missing(tmp_path: Path) -> None:
    """Where there is none, the error says which is missing and what to do."""
    with pytest.raises(ExecutablesError, match=r'no pulumi-warm: .* Install the wheel'):
        executables.find({'PATH': str(tmp_path)}, str(tmp_path / 'own'))


def test_one_alone() -> None:
    """An engine without a CLI is a mistake of the caller."""
    with pytest.raises(TypeError, match='both or neither'):
        WarmPulumi('pulumi-warm')


@pytest.mark.parametrize('installed', [None, '3.139.9', '2.25.2', '4.0.0', 'unknown'])
def test_sdk_that_does_not_fit(installed: str | None) -> None:
    """An SDK that is missing, too old or too new is told, with what to install."""
    with pytest.raises(ImportError, match=rf'here is {installed or "none"}\. Install one: pip'):
        versions.insist_on_sdk(installed)


@pytest.mark.parametrize('installed', ['3.140.0', '3.272.0', '3.300.0a1'])
def test_sdk_that_fits(installed: str) -> None:
    """The oldest SDK and newer ones are taken."""
    versions.insist_on_sdk(installed)
