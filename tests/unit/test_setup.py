"""The set-up of a checkout: what its venv then holds, whatever the machine is like."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.paths import ROOT

SERVING = ['-m', 'setup', 'serving']


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose service needs one package, and whose programs need nothing."""
    folder = tmp_path / 'checkout'
    shutil.copytree(ROOT / 'setup', folder / 'setup')
    shutil.copytree(ROOT / 'engine', folder / 'engine')
    (folder / 'program_venv.py').touch()
    (folder / 'requirements.txt').write_text('thing[more]==1.0\n')
    (folder / 'requirements.lock').touch()
    return folder


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine that has an engine, and a package index with a thing."""
    folder = tmp_path / 'index'
    folder.mkdir()
    wheel(folder / 'thing-1.0-py3-none-any.whl')
    pulumi = tmp_path / 'pulumi'
    pulumi.write_text('#!/bin/sh\necho v3.300.0\n')
    pulumi.chmod(0o755)
    return {
        'PATH': os.environ['PATH'],
        'HOME': str(tmp_path),
        'PULUMI': str(pulumi),
        'PIP_NO_INDEX': '1',
        'PIP_FIND_LINKS': str(folder),
    }


def wheel(path: Path) -> None:
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('thing.py', '')
        folder = 'thing-1.0.dist-info'
        archive.writestr(f'{folder}/METADATA', 'Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n')
        tag = 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n'
        archive.writestr(f'{folder}/WHEEL', tag)
        archive.writestr(f'{folder}/RECORD', 'thing.py,,\n')


def run(
    checkout: Path, environ: dict[str, str], python: Path | str = sys.executable
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, *SERVING],
        cwd=checkout,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def has_thing(checkout: Path) -> bool:
    python = checkout / 'venv' / 'bin' / 'python'
    done = subprocess.run([python, '-I', '-c', 'import thing'], check=False, capture_output=True)
    return done.returncode == 0


def test_callers_options_for_pip(checkout: Path, machine: dict[str, str], tmp_path: Path) -> None:
    """The packages are in the venv, wherever the caller has other ones, or has pip put them."""
    elsewhere = tmp_path / 'elsewhere'
    shutil.unpack_archive(tmp_path / 'index' / 'thing-1.0-py3-none-any.whl', elsewhere, 'zip')
    others = {'PIP_DRY_RUN': '1', 'PIP_NO_DEPS': '1', 'PIP_USER': '1', 'PIP_REQUIREMENT': 'none'}
    places = {'PIP_TARGET': str(elsewhere), 'PYTHONPATH': str(elsewhere)}
    done = run(checkout, {**machine, **others, **places})
    assert done.returncode == 0, done.stderr
    assert has_thing(checkout)


def test_own_venv(checkout: Path, machine: dict[str, str]) -> None:
    """With the checkout's own venv active, that one can be replaced, which is said."""
    venv = checkout / 'venv'
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', venv], check=True)
    done = run(checkout, machine, venv / 'bin' / 'python')
    assert done.returncode == 0, done.stderr
    assert f'Replacing {venv}' in done.stderr
    assert has_thing(checkout)


def test_pip_configured_to_install_elsewhere(
    checkout: Path, machine: dict[str, str], tmp_path: Path
) -> None:
    """A venv that pip's configuration kept packages from is not taken for complete."""
    configuration = tmp_path / '.config' / 'pip' / 'pip.conf'
    configuration.parent.mkdir(parents=True)
    configuration.write_text(f'[install]\ntarget = {tmp_path}/elsewhere\n')
    done = run(checkout, machine)
    assert done.returncode == 1
    assert 'pip config list' in done.stderr
    assert 'thing' in done.stderr
    assert not (checkout / 'venv' / '.complete').exists()
