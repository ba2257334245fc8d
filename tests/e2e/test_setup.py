"""The set-up of a checkout: what its venv then holds, whatever the machine is like.

One test has a venv made as all are. The others have copies of one, see copy_venvs_in.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.processes import command_line
from tests.venvs import copy_venvs_in, wheel

SERVING = ['-m', 'setup', 'serving']


@pytest.fixture
def checkout(tmp_path: Path, with_pip: Path) -> Path:
    """A checkout whose service needs one package, and whose programs need nothing."""
    folder = tmp_path / 'checkout'
    folder.mkdir()
    copy_venvs_in(folder, with_pip)
    shutil.copytree(ROOT / 'setup', folder / 'setup')
    for room in ('engine', 'servers'):
        shutil.copytree(ROOT / room, folder / room)
    (folder / 'program_venv.py').touch()
    (folder / 'requirements.txt').write_text('thing[more]==1.0\n')
    (folder / 'requirements.lock').touch()
    return folder


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine that has an engine, and a package index with a thing."""
    folder = tmp_path / 'index'
    folder.mkdir()
    wheel(folder)
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
        timeout=60,
    )


def has_thing(checkout: Path) -> bool:
    python = checkout / 'venv' / 'bin' / 'python'
    done = subprocess.run([python, '-I', '-c', 'import thing'], check=False, capture_output=True)
    return done.returncode == 0


def test_no_package_index(checkout: Path, machine: dict[str, str]) -> None:
    """Without a package index there is one message, and no traceback."""
    (checkout / 'requirements.txt').write_text('nothing-of-this-name==1.0\n')
    done = run(checkout, machine)
    assert done.returncode == 1
    assert 'Is a package index in reach?' in done.stderr
    assert 'nothing-of-this-name' in done.stderr
    assert 'Traceback' not in done.stderr


def test_callers_options_for_pip(checkout: Path, machine: dict[str, str], tmp_path: Path) -> None:
    """The packages are in the venv, wherever the caller has other ones, or has pip put them."""
    elsewhere = tmp_path / 'elsewhere'
    shutil.unpack_archive(tmp_path / 'index' / 'thing-1.0-py3-none-any.whl', elsewhere, 'zip')
    others = {'PIP_DRY_RUN': '1', 'PIP_NO_DEPS': '1', 'PIP_USER': '1', 'PIP_REQUIREMENT': 'none'}
    places = {'PIP_TARGET': str(elsewhere), 'PYTHONPATH': str(elsewhere)}
    (checkout / 'venv.py').unlink()
    done = run(checkout, {**machine, **others, **places})
    assert done.returncode == 0, done.stderr
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


def test_own_venv(checkout: Path, machine: dict[str, str]) -> None:
    """With the checkout's own venv active, that one can be replaced, which is said."""
    venv = checkout / 'venv'
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', venv], check=True)
    link = checkout.with_name('link')
    link.symlink_to(checkout)
    done = run(link, machine, link / 'venv' / 'bin' / 'python')
    assert done.returncode == 0, done.stderr
    assert f'Replacing {venv}' in done.stderr
    assert has_thing(checkout)


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
def test_nothing_outlives_signals(
    checkout: Path,
    machine: dict[str, str],
    number: signal.Signals,
    request: pytest.FixtureRequest,
) -> None:
    """A set-up that a signal ends leaves nothing running."""
    if number == signal.SIGHUP:
        # Under `nohup` the tests ignore it, and so would what they start.
        before = signal.signal(number, signal.SIG_DFL)
        request.addfinalizer(lambda: signal.signal(number, before))
    (checkout / 'requirements.txt').write_text(slow_package(checkout))
    with subprocess.Popen(
        [sys.executable, *SERVING], cwd=checkout, env=machine, stderr=subprocess.PIPE, text=True
    ) as process:
        assert wait_for((checkout / 'builds').exists, 60)
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    if number != signal.SIGKILL:
        assert process.returncode == 130
        assert said.splitlines()[-1].startswith('Interrupted.')
    assert wait_for(lambda: not processes_of(checkout), 10)


def test_interrupt_while_waiting(checkout: Path, machine: dict[str, str]) -> None:
    """A set-up that waits for another one ends at the first Ctrl-C."""
    with (checkout / '.setup.lock').open('w') as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with subprocess.Popen([sys.executable, *SERVING], cwd=checkout, env=machine) as process:
            assert wait_for(lambda: waits(process.pid, checkout / '.setup.lock'), 30)
            process.send_signal(signal.SIGINT)
            try:
                assert process.wait(10) == 130
            finally:
                process.kill()


def test_failure_beside_a_wait(checkout: Path, machine: dict[str, str], tmp_path: Path) -> None:
    """A part that fails is told at once, while pip waits for Go from an index that is silent."""
    (checkout / 'requirements.txt').write_text('./no-such-folder\n')
    (tmp_path / 'bin').mkdir()
    with socket.create_server(('127.0.0.1', 0)) as silent:
        index = f'http://127.0.0.1:{silent.getsockname()[1]}/simple'
        others = {'PATH': str(tmp_path / 'bin'), 'PULUMI': '', 'PIP_NO_INDEX': '0'}
        done = run(checkout, {**machine, **others, 'PIP_INDEX_URL': index, 'PIP_TIMEOUT': '600'})
    assert done.returncode == 1
    assert 'no-such-folder' in done.stderr
    assert 'in reach' not in done.stderr, 'that is not what was wrong'
    assert wait_for(lambda: not processes_of(checkout), 10)


def test_engine_that_fails_first(checkout: Path, machine: dict[str, str], tmp_path: Path) -> None:
    """Where the engine cannot be built, this is told, and not that pip was stopped for it."""
    (checkout / 'requirements.txt').write_text(slow_package(checkout))
    go = tmp_path / 'bin' / 'go'
    go.parent.mkdir()
    go.write_text(
        '#!/bin/sh\n[ "$1" = env ] && echo go1.99.0 && exit\n'
        f'until [ -e {checkout}/builds ]; do sleep 0.1; done\necho no proxy; exit 1\n'
    )
    go.chmod(0o755)
    path = f'{go.parent}:{machine["PATH"]}'
    done = run(checkout, {**machine, 'PATH': path, 'PULUMI': ''})
    assert done.returncode == 1
    assert 'no proxy' in done.stderr
    assert 'Python packages failed' not in done.stderr
    assert wait_for(lambda: not processes_of(checkout), 10)


def test_checkout_that_cannot_be_written(checkout: Path, machine: dict[str, str]) -> None:
    """Where the checkout takes no files, a message names it and says what to do."""
    (checkout / '.setup.lock').mkdir()
    done = run(checkout, machine)
    assert done.returncode == 1
    assert f'Let this user write into {checkout}' in done.stderr
    assert 'Traceback' not in done.stderr


def waits(pid: int, lock: Path) -> bool:
    """Tell whether a process has opened a lock, so waits for it where another one holds it."""
    return lock.resolve() in [link.resolve() for link in Path(f'/proc/{pid}/fd').iterdir()]


def slow_package(folder: Path) -> str:
    """Return the requirement of a package whose build tells that it began, and does not end."""
    package = folder / 'slow'
    package.mkdir()
    (package / 'backend.py').write_text(
        f'import pathlib, time\npathlib.Path({str(folder / "builds")!r}).touch()\ntime.sleep(600)\n'
    )
    (package / 'pyproject.toml').write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    return f'{package}\n'


def processes_of(folder: Path) -> list[str]:
    lines = [command_line(int(pid)) for pid in os.listdir('/proc') if pid.isdigit()]
    return [line for line in lines if str(folder) in line]


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    ends_at = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends_at:
            return False
        time.sleep(0.05)
    return True
