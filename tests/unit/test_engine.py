"""The engine: which one is taken, and a build that is whole or not there."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import engine
from engine import (
    BuildError,
    CacheError,
    EngineMissingError,
    EngineUnusableError,
    build,
    errors,
    golang,
    installed,
)
from engine.build import ENGINE
from engine.progress import Progress
from tests.paths import ROOT


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!{sys.executable} -IS\n{text}')  # Without its packages, as it starts often.
    path.chmod(0o755)
    return path


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine with neither pulumi nor Go, and no way to PyPI."""
    (tmp_path / 'bin').mkdir()
    return {
        'PATH': str(tmp_path / 'bin'),
        'HOME': str(tmp_path),
        'PIP_NO_INDEX': '1',
        'PIP_FIND_LINKS': '',
    }


@pytest.fixture(autouse=True)
def in_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where these tests have the engine of an installed wheel: none is there at first."""
    folder = tmp_path / 'wheel' / 'bin'
    monkeypatch.setattr(installed, 'bin_folder', lambda _: folder if folder.is_dir() else None)
    return folder


@pytest.fixture
def fake_go(tmp_path: Path) -> Path:
    """A Go that writes an empty file for each binary, and counts its builds."""
    module = tmp_path / 'module'
    for each in build.SCRIPTS:
        (module / each).parent.mkdir(parents=True, exist_ok=True)
        (module / each).write_text('a script')
    return script(
        tmp_path / 'bin' / 'go',
        f"""
import json, pathlib, sys
arguments = sys.argv[1:]
if arguments[:2] == ['env', 'GOVERSION']:
    print('go1.99.0')
elif '-json' in arguments:
    print(json.dumps({{'Dir': {str(module)!r}}}))
elif arguments[0] == 'build' and '-o' in arguments:
    target, *packages = arguments[arguments.index('-o') + 1 :]
    for package in packages:
        pathlib.Path(target, package.rpartition('/')[2]).write_text(package)
        with open({str(tmp_path / 'builds')!r}, 'a') as log:
            log.write(package + '\\n')
""",
    )


def pulumi(path: Path, version: str) -> Path:
    return script(path, f'print({version!r})')


def test_setting_wins(machine: dict[str, str], tmp_path: Path) -> None:
    """The pulumi that the setting names is taken before the one on PATH."""
    pulumi(tmp_path / 'bin' / 'pulumi', 'v3.300.0')
    named = pulumi(tmp_path / 'other' / 'mine', 'v3.299.1')
    found = engine.find(str(named), machine)
    assert found == engine.Engine(named, 'PULUMI setting', (3, 299, 1))


def test_path(machine: dict[str, str], tmp_path: Path) -> None:
    """Without a setting, a pulumi on PATH is taken."""
    stock = pulumi(tmp_path / 'bin' / 'pulumi', 'v3.300.0')
    assert engine.find('', machine) == engine.Engine(stock, 'PATH', (3, 300, 0))


def test_old_one_on_path(machine: dict[str, str], tmp_path: Path) -> None:
    """A pulumi on PATH that is too old is passed over."""
    pulumi(tmp_path / 'bin' / 'pulumi', 'v3.10.0')
    assert engine.find('', machine) is None


def test_wheel(machine: dict[str, str], tmp_path: Path, in_wheel: Path) -> None:
    """The engine of an installed wheel is taken after those that others have named."""
    in_wheel.mkdir(parents=True)
    found = engine.set_up('', machine)
    assert (found.source, found.bin, found.warm) == ('wheel', in_wheel, in_wheel / 'pulumi-warm')
    pulumi(tmp_path / 'bin' / 'pulumi', 'v3.300.0')
    assert engine.set_up('', machine).source == 'PATH'


def test_wheel_comes_before_own_build(
    machine: dict[str, str], fake_go: Path, in_wheel: Path
) -> None:
    """With a wheel installed, our own build is neither made nor taken."""
    assert engine.set_up('', machine).source == 'built'
    in_wheel.mkdir(parents=True)
    assert engine.set_up('', machine).source == 'wheel'


@pytest.mark.parametrize(
    ('answer', 'told'),
    [
        pytest.param('v3.10.0', '3.10.0; at least', id='too old'),
        pytest.param('hello', 'prints no version', id='another program'),
    ],
)
def test_unusable_setting(machine: dict[str, str], tmp_path: Path, answer: str, told: str) -> None:
    """A setting that names something unusable is an error, and nothing is taken in its place."""
    pulumi(tmp_path / 'bin' / 'pulumi', 'v3.300.0')
    named = pulumi(tmp_path / 'mine', answer)
    with pytest.raises(EngineUnusableError, match=told):
        engine.find(str(named), machine)


def test_setting_that_is_not_there(machine: dict[str, str]) -> None:
    """A setting that names nothing says so."""
    with pytest.raises(EngineUnusableError, match='/nowhere/pulumi is not an executable'):
        engine.find('/nowhere/pulumi', machine)


def executables() -> list[str]:
    return [name for module in build.MODULES for name in module.executables.values()]


def test_build(machine: dict[str, str], fake_go: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A machine with Go builds every binary, says how long it takes first, and then keeps them."""
    found = engine.set_up('', machine)
    assert found.source == 'built'
    names = {*executables(), *(Path(each).name for each in build.SCRIPTS)}
    assert {each.name for each in found.bin.iterdir()} == names
    said = capfd.readouterr().err
    assert said.index('The first time takes some minutes') < said.index('compiling')
    engine.set_up('', machine)
    assert capfd.readouterr().err == ''


def test_build_is_open_to_all(machine: dict[str, str], fake_go: Path) -> None:
    """Whoever shares the cache can use a build, as another user does in an image."""
    found = engine.set_up('', machine)
    for folder in (found.bin, found.bin.parent):
        assert folder.stat().st_mode & 0o055 == 0o055


def test_versions_agree() -> None:
    """The provider that is built serves the SDK that the program installs."""
    [plugin] = build.PLUGINS
    version = plugin.rpartition('-v')[2]
    assert f'const Version = "{version}"' in (ROOT / 'engine/random/provider.go').read_text()
    for requirements in ('requirements.txt', 'burner-program/requirements.txt'):
        assert f'pulumi-random=={version}' in (ROOT / requirements).read_text()


def test_concurrent_builds(machine: dict[str, str], fake_go: Path, tmp_path: Path) -> None:
    """Of several builders at once one builds, and all get the same whole engine."""
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: engine.set_up('', machine), range(4)))
    assert len(found) == 1
    assert len((tmp_path / 'builds').read_text().splitlines()) == len(executables())


def test_failed_build(
    machine: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A step that fails leaves no engine, is not said to be done, and its log is where it says."""
    script(
        tmp_path / 'bin' / 'go',
        "import sys\nif sys.argv[1] == 'env': print('go1.99.0')\nelse: sys.exit('no proxy')",
    )
    with pytest.raises(BuildError, match='no proxy') as caught:
        engine.set_up('', machine)
    assert 'no proxy' in caught.value.log.read_text()
    assert 'downloading' not in capfd.readouterr().err
    assert ENGINE.built_bin(machine) is None
    assert not list(ENGINE.cache_folder(machine).glob('*unfinished*'))


@pytest.mark.parametrize('named', ['', 'cache', './cache'])
def test_cache_that_is_no_whole_path(machine: dict[str, str], named: str) -> None:
    """A relative XDG_CACHE_HOME is ignored: builds would be kept wherever somebody stands."""
    folder = ENGINE.cache_folder({**machine, 'XDG_CACHE_HOME': named})
    assert folder == Path(machine['HOME'], '.cache', 'learn-auto-api', 'engine')


def test_build_ends_before_it_begins(
    machine: dict[str, str], fake_go: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupt while the build is announced leaves nothing half made."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Progress, 'say', interrupted)
    with pytest.raises(KeyboardInterrupt):
        engine.set_up('', machine)
    assert not list(ENGINE.cache_folder(machine).glob('*unfinished*'))


def test_killed_build(machine: dict[str, str], fake_go: Path, tmp_path: Path) -> None:
    """A build that is killed half way leaves nothing that is taken for an engine."""
    code = "import engine; engine.build._copy_scripts = lambda *_: __import__('os').abort()"
    subprocess.run(
        [sys.executable, '-c', f'{code}; engine.set_up()'],
        cwd=ROOT,
        env={**os.environ, **machine},
        check=False,
        capture_output=True,
    )
    assert list(ENGINE.cache_folder(machine).glob('*unfinished*'))
    assert ENGINE.built_bin(machine) is None
    assert engine.set_up('', machine).source == 'built'
    assert not list(ENGINE.cache_folder(machine).glob('*unfinished*'))


@pytest.mark.parametrize(
    'go', ['no machine code', '#!/nowhere/sh', '#!/bin/sh\nsleep 600', '#!/bin/sh\nexit 1']
)
def test_go_that_does_not_answer(
    machine: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, go: str
) -> None:
    """A Go on PATH that does not run here, or hangs, is passed over."""
    monkeypatch.setattr(golang, 'VERSION_DEADLINE', 2)
    monkeypatch.setenv('PIP_NO_INDEX', '1')
    machine['PATH'] += ':/bin'
    script(tmp_path / 'bin' / 'go', '').write_text(go)
    with pytest.raises(EngineMissingError, match='the wheel that'):
        engine.set_up('', machine)


def test_scripts_that_cannot_be_had(machine: dict[str, str], fake_go: Path) -> None:
    """Where the last step fails, the message has its log and Go's words too."""
    fake_go.write_text(fake_go.read_text().replace('print(json', 'sys.exit("gone") #'))
    with pytest.raises(BuildError, match='gone') as caught:
        engine.set_up('', machine)
    assert 'gone' in caught.value.log.read_text()


def test_cache_that_cannot_be_written(machine: dict[str, str], fake_go: Path) -> None:
    """Where builds cannot be kept, the message names the folder and another way."""
    machine['XDG_CACHE_HOME'] = str(fake_go)
    with pytest.raises(CacheError, match=f'{fake_go}.*XDG_CACHE_HOME'):
        engine.set_up('', machine)


def test_no_way(machine: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pulumi, Go and registry, one message names the three ways out."""
    monkeypatch.setenv('PIP_NO_INDEX', '1')
    monkeypatch.setenv('PIP_FIND_LINKS', '')
    with pytest.raises(EngineMissingError) as caught:
        engine.set_up('', machine)
    assert errors.WAYS_OUT in str(caught.value)


def test_command_without_an_engine(machine: dict[str, str]) -> None:
    """`python -m engine` ends with that message and no traceback."""
    done = subprocess.run(
        [sys.executable, '-m', 'engine'],
        cwd=ROOT,
        env={**machine, 'PULUMI': '/nowhere/pulumi'},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith('PULUMI=/nowhere/pulumi')


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_interrupted_command(
    machine: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    """`python -m engine` that is interrupted says so in its last line, without a traceback."""
    script(
        tmp_path / 'bin' / 'go',
        'import sys, time\n'
        "if sys.argv[1] == 'env': sys.exit(print('go1.99.0'))\n"
        f"open({str(tmp_path / 'began')!r}, 'w').close()\n"
        'time.sleep(600)\n',
    )
    with subprocess.Popen(
        [sys.executable, '-m', 'engine'], cwd=ROOT, env=machine, stderr=subprocess.PIPE, text=True
    ) as process:
        ends_at = time.monotonic() + 30
        while not (tmp_path / 'began').exists():
            assert time.monotonic() < ends_at
            time.sleep(0.05)
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert said.splitlines()[-1].startswith('Interrupted.')
    assert 'Traceback' not in said


def test_fingerprint_follows_sources(tmp_path: Path) -> None:
    """Two checkouts of the same sources have one fingerprint."""
    code = 'from engine.build import ENGINE; print(ENGINE.fingerprint())'
    shutil.copytree(ROOT / 'engine', tmp_path / 'engine')
    copy = subprocess.run(
        [sys.executable, '-c', code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert copy.stdout.strip() == ENGINE.fingerprint()
