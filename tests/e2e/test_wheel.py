"""A wheel of warm_pulumi in a venv of its own: its README's first lines run a whole lifecycle."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import engine
from engine import pip
from engine.build import ENGINE
from engine.builds import golang_folder
from engine.golang import toolchain
from engine.work import under_way
from tests.paths import ROOT
from warm_wheel import making
from warm_wheel.modules import Go

README = (ROOT / 'warm_pulumi' / 'README.md').read_text()
[FIRST_LINES, *_] = re.findall(r'^```python\n(.*?)^```$', README, re.DOTALL | re.MULTILINE)
DEADLINE = 240.0


@pytest.fixture
def venv(with_pip: Path, tmp_path: Path) -> Path:
    """A venv with nothing but pip in it."""
    return Path(shutil.copytree(with_pip, tmp_path / 'venv', symlinks=True))


def install(venv: Path, *what: str) -> None:
    command = [str(venv / 'bin' / 'python'), '-m', 'pip', 'install', '--quiet', *what]
    subprocess.run(
        command, env=pip.environment(), check=True, timeout=DEADLINE, stdin=subprocess.DEVNULL
    )


def first_lines(venv: Path, home: Path, *more_path: Path) -> subprocess.CompletedProcess[str]:
    """Run the README's first lines in an empty home, on a PATH with neither Go nor Pulumi."""
    home.mkdir()
    path = os.pathsep.join(map(str, [*more_path, '/usr/bin', '/bin']))
    assert not shutil.which('go', path=path)
    return subprocess.run(
        [venv / 'bin' / 'python', '-c', FIRST_LINES],
        env={
            'HOME': str(home),
            'PATH': path,
            'PULUMI_BACKEND_URL': 'file://~',
            'PULUMI_CONFIG_PASSPHRASE': 'secret',
            # Nothing is to be downloaded.
            **dict.fromkeys(('HTTP_PROXY', 'HTTPS_PROXY'), 'http://127.0.0.1:9'),
        },
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )


def assert_lived(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r'[a-z]+-[a-z]+\n', done.stdout)


def test_pure_wheel(venv: Path, tmp_path: Path, built_engine: engine.Engine) -> None:
    """The wheel without executables takes those on PATH, and says what is missing without them."""
    install(venv, '--no-deps', '--no-index', '--no-compile', str(making.pure(tmp_path / 'dist')))
    # Of an index only the other test is in need.
    [packages] = (venv / 'lib').glob('python*/site-packages')
    [ours] = Path(sys.prefix, 'lib').glob('python*/site-packages')
    (packages / 'more.pth').write_text(f'{ours}\n')
    assert_lived(first_lines(venv, tmp_path / 'home', built_engine.bin))
    without = first_lines(venv, tmp_path / 'elsewhere')
    assert 'There is no pulumi-warm: it did not come with this warm_pulumi' in without.stderr


@pytest.mark.slow
def test_platform_wheel(venv: Path, tmp_path: Path, built_engine: engine.Engine) -> None:
    """The wheel with the executables needs nothing but what pip gets with it."""
    with under_way() as work:
        go = Go(toolchain(golang_folder(), work), work)
        describer = making.Describer(go, ENGINE.modules)
        built = built_engine.bin.parent
        wheel = making.platform(built, ENGINE.fingerprint(), describer, tmp_path / 'dist')
    install(venv, str(wheel), 'pulumi-random')
    wheel.unlink()
    assert_lived(first_lines(venv, tmp_path / 'home'))
