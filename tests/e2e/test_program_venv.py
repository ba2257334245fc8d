"""The program's venv: made once, made anew when its inputs change, never half made.

One test has a venv made as all are. The others have copies of one, see copy_venvs_in.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

import program_venv
from program_venv import VenvError, VenvLateError, ensure, python_of
from tests.paths import ROOT
from tests.processes import command_line, descendants
from tests.venvs import copy_venvs_in, wheel
from warm_pulumi.processes import kill_session

# A package whose build backend is beside it, so that nothing has to be installed for its build.
SLOW = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


@pytest.fixture
def program(tmp_path: Path, with_pip: Path) -> Path:
    """A program that needs nothing, so that making its venv needs no network."""
    copy_venvs_in(tmp_path, with_pip)
    (tmp_path / 'requirements.txt').write_text('')
    return tmp_path


def inode(program: Path) -> int:
    return (program / 'venv').stat().st_ino


def test_made_and_kept(tmp_path: Path) -> None:
    """The first call makes a venv that runs and has pip, and the next one keeps it."""
    (tmp_path / 'requirements.txt').write_text('')
    ensure(tmp_path)
    made = inode(tmp_path)
    subprocess.run([python_of(tmp_path), '-I', '-c', 'import pip'], check=True)
    ensure(tmp_path)
    assert inode(tmp_path) == made


def test_changed_requirements(program: Path) -> None:
    """Changed requirements make it anew."""
    ensure(program)
    (program / 'venv' / 'of the old one').touch()
    (program / 'requirements.txt').write_text('# changed')
    ensure(program)
    assert not (program / 'venv' / 'of the old one').exists()


def test_lost_interpreter(program: Path) -> None:
    """A venv whose interpreter is gone is made anew."""
    ensure(program)
    for link in (program / 'venv' / 'bin').glob('python*'):
        link.unlink()
    ensure(program)
    assert python_of(program).exists()


def test_made_by_hand(program: Path) -> None:
    """A folder that somebody made is replaced."""
    (program / 'venv' / 'bin').mkdir(parents=True)
    (program / 'venv' / 'bin' / 'python3').touch()
    ensure(program)
    assert (program / 'venv' / 'pyvenv.cfg').exists()


def test_old_ones_go(program: Path) -> None:
    """Of the venvs that were replaced, no more than the last one is kept."""
    for change in ('# one', '# two', '# three'):
        (program / 'requirements.txt').write_text(change)
        ensure(program)
    assert len([each for each in (program / '.venvs').iterdir() if each.is_dir()]) == 2


def test_packages_of_elsewhere(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the service itself can import does not count as installed in the program's venv."""
    (program / 'wheels').mkdir()
    made = wheel(program / 'wheels')
    shutil.unpack_archive(made, program / 'elsewhere', 'zip')
    monkeypatch.setenv('PYTHONPATH', str(program / 'elsewhere'))
    monkeypatch.setenv('PIP_NO_INDEX', '1')
    monkeypatch.setenv('PIP_FIND_LINKS', str(made.parent))
    (program / 'requirements.txt').write_text('thing==1.0\n')
    ensure(program)
    found = subprocess.run(
        [python_of(program), '-I', '-c', 'import thing'], check=False, capture_output=True
    )
    assert found.returncode == 0, found.stderr


def test_failed_install(program: Path) -> None:
    """Requirements that cannot be had are told with pip's words, and the next call tries again."""
    (program / 'requirements.txt').write_text('./no-such-folder')
    with pytest.raises(VenvError, match='no-such-folder'):
        ensure(program)
    (program / 'requirements.txt').write_text('')
    ensure(program)


def test_two_processes(program: Path) -> None:
    """Of two processes that need it at once, one makes it and both may use it."""
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(ensure, [program, program]))
    assert program_venv.python_of(program).exists()
    assert len([each for each in (program / '.venvs').iterdir() if each.is_dir()]) == 1


def test_late(program: Path) -> None:
    """What does not end in time is killed with all that it started, and made anew next time."""
    slow_requirement(program)
    ensured = time.monotonic()
    with pytest.raises(VenvLateError, match='did not end in time'):
        ensure(program, limit=8)
    assert time.monotonic() - ensured < 60
    assert not [line for line in command_lines() if str(program) in line]
    (program / 'requirements.txt').write_text('')
    ensure(program)


def slow_requirement(program: Path) -> None:
    """Have a program require a package whose build tells that it began, and does not end."""
    slow = program / 'slow'
    slow.mkdir()
    began = f'open({str(program / "began")!r}, "w").close()'
    (slow / 'backend.py').write_text(f'{began}\nimport time\ntime.sleep(600)\n')
    (slow / 'pyproject.toml').write_text(SLOW)
    (program / 'requirements.txt').write_text('./slow\n')


def start_maker(program: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, '-m', 'program_venv', program], cwd=ROOT)


def command_lines() -> list[str]:
    return [command_line(int(pid)) for pid in os.listdir('/proc') if pid.isdigit()]


def test_killed_during_a_step(program: Path) -> None:
    """A step ends with its maker, however that ends, and with all that the step has started."""
    slow_requirement(program)
    maker = start_maker(program)
    ends_at = time.monotonic() + 60
    while not (program / 'began').exists():
        assert time.monotonic() < ends_at
        time.sleep(0.05)  # nobody tells of a file
    maker.kill()
    maker.wait()
    ends_at = time.monotonic() + 10
    while [line for line in command_lines() if str(program) in line]:
        assert time.monotonic() < ends_at
        time.sleep(0.05)  # the kernel tells nobody of a grandchild


def test_late_for_another(program: Path) -> None:
    """Who waits for another maker does not wait beyond his own limit."""
    (program / '.venvs').mkdir()
    with (program / '.venvs' / 'lock').open('w') as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(VenvLateError, match='still making'):
            ensure(program, limit=0.2)


def test_killed_maker(program: Path) -> None:
    """A maker that is killed, and what it left running, disturb neither old venv nor next."""
    ensure(program)
    (program / 'requirements.txt').write_text('# changed')
    maker = start_maker(program)
    ends_at = time.monotonic() + 30
    while not (steps := descendants(maker.pid)):
        assert time.monotonic() < ends_at
        time.sleep(0.001)  # the kernel tells nobody of a grandchild
    maker.kill()
    maker.wait()
    assert python_of(program).exists()
    ensure(program)
    for pid in steps:
        kill_session(pid)
    assert program_venv.is_complete(program)
    assert (program / 'venv' / 'pyvenv.cfg').exists()
