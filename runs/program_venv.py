"""The virtual environment of a Pulumi program, made once and made again when its inputs change."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STEP_DEADLINE = 300.0


class VenvError(Exception):
    """The venv could not be made; the message ends with what the failed command printed."""


def ensure(program: Path) -> None:
    """Make `program`/venv hold what `program`/requirements.txt asks for.

    When it does already, this costs one small read. A file lock lets one process make it while
    the others wait. The stamp that says "complete" is removed first and written last, so a venv
    that was left half made is made anew.

    Raises VenvError when a step fails or takes longer than STEP_DEADLINE seconds.
    """
    if is_complete(program):
        return
    with _only_maker(program):
        if not is_complete(program):
            _make(program)


def is_complete(program: Path) -> bool:
    """Tell whether the venv is there and made from the requirements as they are now."""
    return _stamp(program) == _fingerprint(program)


def python_of(program: Path) -> Path:
    """Return the interpreter of the program's venv."""
    return program / 'venv' / 'bin' / 'python3'


def _stamp_file(program: Path) -> Path:
    return program / 'venv' / '.complete'


def _stamp(program: Path) -> str | None:
    """Return the fingerprint that a complete, still runnable venv was made from."""
    try:
        stamp = _stamp_file(program).read_text()
    except FileNotFoundError:
        return None
    # A link to an interpreter that was uninstalled does not exist.
    return stamp if python_of(program).exists() else None


def _fingerprint(program: Path) -> str:
    requirements = (program / 'requirements.txt').read_bytes()
    interpreter = f'{sys.version} {sys.base_prefix} {program}'.encode()
    return hashlib.sha256(requirements + interpreter).hexdigest()


@contextmanager
def _only_maker(program: Path) -> Iterator[None]:
    with (program / '.venv.lock').open('w') as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _make(program: Path) -> None:
    _stamp_file(program).unlink(missing_ok=True)
    shutil.rmtree(program / 'venv', ignore_errors=True)
    _run([sys.executable, '-m', 'venv', 'venv'], program)
    pip = [str(python_of(program)), '-m', 'pip', '--disable-pip-version-check', '--no-input']
    _run([*pip, 'install', '--quiet', '-r', 'requirements.txt'], program)
    unfinished = _stamp_file(program).with_suffix('.unfinished')
    unfinished.write_text(_fingerprint(program))
    unfinished.replace(_stamp_file(program))


def _run(command: list[str], cwd: Path) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=STEP_DEADLINE,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise VenvError(str(error)) from error
    if done.returncode != 0:
        raise VenvError(f'{" ".join(command)} ended with {done.returncode}:\n{done.stdout}')
