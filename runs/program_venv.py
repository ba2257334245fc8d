"""The virtual environment of a Pulumi program, made once and made again when its inputs change."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from warm_pulumi.processes import kill_session

LIMIT = 600.0
# Seconds between two looks at whether another process is done; the kernel tells nobody.
LOOK_EVERY = 0.1


class VenvError(Exception):
    """The venv could not be made; the message ends with what the failed command printed."""


class VenvLateError(VenvError):
    """The venv was not made in time."""


def ensure(program: Path, limit: float | None = None) -> None:
    """Make `program`/venv hold what `program`/requirements.txt asks for.

    When it does already, this costs one small read. A file lock lets one process make it while
    the others wait. The stamp that says "complete" is removed first and written last, so a venv
    that was left half made is made anew.

    limit: seconds that it may take; LIMIT when None.

    Raises VenvError when a step fails, VenvLateError when it takes too long.
    """
    if is_complete(program):
        return
    ends_at = time.monotonic() + (LIMIT if limit is None else limit)
    with _only_maker(program, ends_at) as lock:
        if not is_complete(program):
            _make(program, ends_at, lock)


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
def _only_maker(program: Path, ends_at: float) -> Iterator[int]:
    """Be the only one who makes this venv in the body, which gets the descriptor of the lock."""
    with (program / '.venv.lock').open('w') as handle:
        while not _locked(handle):
            if time.monotonic() > ends_at:
                raise VenvLateError(f'another process is still making the venv of {program}')
            time.sleep(LOOK_EVERY)
        yield handle.fileno()


def _locked(handle: TextIO) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _make(program: Path, ends_at: float, lock: int) -> None:
    _stamp_file(program).unlink(missing_ok=True)
    shutil.rmtree(program / 'venv', ignore_errors=True)
    run = functools.partial(_run, cwd=program, ends_at=ends_at, lock=lock)
    run([sys.executable, '-m', 'venv', 'venv'])
    pip = [str(python_of(program)), '-m', 'pip', '--disable-pip-version-check', '--no-input']
    run([*pip, 'install', '--quiet', '-r', 'requirements.txt'])
    unfinished = _stamp_file(program).with_suffix('.unfinished')
    unfinished.write_text(_fingerprint(program))
    unfinished.replace(_stamp_file(program))


def _run(command: list[str], cwd: Path, ends_at: float, lock: int) -> None:
    """Run a step to its end, or kill it and all that it started.

    It inherits the lock: when this process is killed, the next maker waits until the step, which
    then still writes, has ended as well.
    """
    try:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding='utf-8',
            errors='replace',
            pass_fds=[lock],
            start_new_session=True,
        )
    except OSError as error:
        raise VenvError(str(error)) from error
    try:
        said, _ = process.communicate(timeout=max(0.0, ends_at - time.monotonic()))
    except subprocess.TimeoutExpired as error:
        raise VenvLateError(
            f'{" ".join(command)} did not end in time; `make serve` makes the venv ahead'
        ) from error
    finally:
        kill_session(process.pid)
        process.wait()
    if process.returncode != 0:
        raise VenvError(f'{" ".join(command)} ended with {process.returncode}:\n{said}')
