"""The program's venv: made once, made anew when its inputs change, never half made."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from runs import program_venv
from runs.program_venv import VenvError, ensure, python_of


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program that needs nothing, so that making its venv needs no network."""
    (tmp_path / 'requirements.txt').write_text('')
    return tmp_path


def inode(program: Path) -> int:
    return (program / 'venv').stat().st_ino


def test_made_and_kept(program: Path) -> None:
    """The first call makes a venv that runs, and the next one keeps it."""
    ensure(program)
    made = inode(program)
    assert python_of(program).exists()
    ensure(program)
    assert inode(program) == made


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


def test_half_made(program: Path) -> None:
    """What an interrupted call left is not taken for a venv."""
    (program / 'venv' / 'bin').mkdir(parents=True)
    (program / 'venv' / 'bin' / 'python3').touch()
    ensure(program)
    assert (program / 'venv' / 'pyvenv.cfg').exists()


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
    assert not list((program / 'venv').glob('*.unfinished'))
