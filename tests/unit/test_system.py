"""The set-up for tests installs what they need from the system where it may, and starts nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.work import under_way
from setup import system

APT = """#!/bin/sh
echo "$*" >> {log}
for each in "$@"; do
    case "$each" in DPkg::Path=*) each=${{each#DPkg::Path=}}; echo ${{each%%:*}}/* >> {log};; esac
done
case "$*" in *{only}*) exit {code};; esac
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a fake apt-get was asked for, on a machine that has nothing else."""
    monkeypatch.setenv('PATH', str(tmp_path / 'bin'))
    monkeypatch.setattr(os, 'geteuid', lambda: 0)
    (tmp_path / 'bin').mkdir()
    apt_get(tmp_path, code=0)
    return tmp_path / 'log'


def apt_get(folder: Path, code: int, only: str = '') -> None:
    """Have apt-get end with a code, when it is about `only`."""
    script = folder / 'bin' / 'apt-get'
    script.write_text(APT.format(log=folder / 'log', code=code, only=only))
    script.chmod(0o755)


def install() -> None:
    with under_way() as work:
        system.install(work)


def test_installed(log: Path) -> None:
    """What is missing is installed, and nothing that a package would start is found by it."""
    install()
    update, *installs = log.read_text().splitlines()
    assert update == 'update -q'
    assert [each.split()[-1] for each in installs[::2]] == list(system.PACKAGES)
    for starters in installs[1::2]:
        assert {Path(each).name for each in starters.split()} == set(system.STARTERS)


def test_nothing_missing(log: Path) -> None:
    """Where all is there, nobody is asked."""
    for name in tuple(each[0] for each in system.PACKAGES.values()):
        (log.parent / 'bin' / name).write_text('#!/bin/sh\n')
        (log.parent / 'bin' / name).chmod(0o755)
    install()
    assert not log.exists()


def test_not_root(
    log: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who may not install is told what is missing, and goes on without."""
    monkeypatch.setattr(os, 'geteuid', lambda: 1000)
    install()
    assert not log.exists()
    told = f'Not installed, that takes root and apt-get: {", ".join(system.PACKAGES)}'
    assert told in capsys.readouterr().err


def test_unknown_package(log: Path) -> None:
    """A package that the system does not have keeps none of the others away."""
    apt_get(log.parent, code=100, only='nginx-light')
    install()
    assert 'chromium-headless-shell' in log.read_text()


def test_apt_fails(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be had stops nothing."""
    apt_get(log.parent, code=100)
    install()
    assert log.read_text() == 'update -q\n'
    assert 'apt-get failed' in capsys.readouterr().err
