"""The virtual environment of a Pulumi program, made once and made again when its inputs change.

`venv` in the program's folder is a link into `.venvs`, set when all is there: nobody ever sees a
venv that is half made. A program that runs at that moment imports from the new one from there on.
"""

from __future__ import annotations

import functools
import hashlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine import guard, pip
from engine.locks import try_lock
from warm_pulumi.processes import kill_session

LIMIT = 600.0
# Seconds between two looks at whether another process is done; the kernel tells nobody.
LOOK_EVERY = 0.1
# In a complete venv: the fingerprint of what it was made from.
STAMP = '.complete'


class VenvError(Exception):
    """The venv could not be made; the message ends with what the failed command printed."""


class VenvLateError(VenvError):
    """The venv was not made in time."""


def ensure(program: Path, limit: float | None = None) -> None:
    """Make `program`/venv hold what `program`/requirements.txt asks for.

    When it does already, this costs one small read. A file lock lets one process make it while
    the others wait.

    limit: seconds that it may take; LIMIT when None.

    Raises VenvError when a step fails, VenvLateError when it takes too long.
    """
    if is_complete(program):
        return
    ends_at = time.monotonic() + (LIMIT if limit is None else limit)
    with _only_maker(program, ends_at):
        if not is_complete(program):
            _make(program, ends_at)


def is_complete(program: Path) -> bool:
    """Tell whether the venv is there and made from the requirements as they are now."""
    return _stamp(program) == _fingerprint(program)


def python_of(program: Path) -> Path:
    """Return the interpreter of the program's venv."""
    return program / 'venv' / 'bin' / 'python3'


def _stamp(program: Path) -> str | None:
    """Return the fingerprint that a complete, still runnable venv was made from."""
    try:
        stamp = (program / 'venv' / STAMP).read_text()
    except FileNotFoundError:
        return None
    # A link to an interpreter that was uninstalled does not exist.
    return stamp if python_of(program).exists() else None


def _fingerprint(program: Path) -> str:
    requirements = (program / 'requirements.txt').read_bytes()
    interpreter = f'{sys.version} {sys.base_prefix} {program}'.encode()
    return hashlib.sha256(requirements + interpreter).hexdigest()


def _venvs(program: Path) -> Path:
    folder = program / '.venvs'
    folder.mkdir(exist_ok=True)
    return folder


@contextmanager
def _only_maker(program: Path, ends_at: float) -> Iterator[None]:
    """Be the only one who makes this venv in the body."""
    with (_venvs(program) / 'lock').open('w') as handle:
        while not try_lock(handle):
            if time.monotonic() > ends_at:
                raise VenvLateError(f'another process is still making the venv of {program}')
            time.sleep(LOOK_EVERY)
        yield


def _make(program: Path, ends_at: float) -> None:
    current = _current(program)
    _remove_all_but(current, program)
    wanted = _fingerprint(program)
    fresh = Path(tempfile.mkdtemp(dir=_venvs(program)))
    run = functools.partial(_run, cwd=program, ends_at=ends_at)
    run([sys.executable, '-m', 'venv', str(fresh)])
    install = [str(fresh / 'bin' / 'python3'), '-m', 'pip', 'install', '--quiet', '--no-input']
    run([*install, '--disable-pip-version-check', '-r', 'requirements.txt'])
    (fresh / STAMP).write_text(wanted)
    link = fresh / 'link'
    link.symlink_to(fresh.relative_to(program))
    if current is None:
        # Somebody made it by hand, and a link cannot take the place of a folder.
        shutil.rmtree(program / 'venv', ignore_errors=True)
    link.replace(program / 'venv')


def _current(program: Path) -> Path | None:
    """Return the folder that the program's venv is, or None when it is not one of ours."""
    venv = program / 'venv'
    return venv.resolve() if venv.is_symlink() else None


def _remove_all_but(current: Path | None, program: Path) -> None:
    """Remove what makers left that failed or were killed, and the venv before the current one."""
    for folder in _venvs(program).iterdir():
        if folder.is_dir() and folder != current:
            shutil.rmtree(folder, ignore_errors=True)


def _run(command: list[str], cwd: Path, ends_at: float) -> None:
    """Run a step to its end, or kill it and all that it started."""
    left = max(0.0, ends_at - time.monotonic())
    with guard.life() as life:
        try:
            process = subprocess.Popen(
                # It ends the step where this process is killed, or stopped for longer than that.
                guard.guarded(command, left + guard.GRACE),
                cwd=cwd,
                env=pip.environment(),
                stdin=life,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding='utf-8',
                errors='replace',
                start_new_session=True,
            )
        except OSError as error:
            raise VenvError(str(error)) from error
        try:
            said, _ = process.communicate(timeout=left)
        except subprocess.TimeoutExpired as error:
            raise VenvLateError(
                f'{" ".join(command)} did not end in time; `make serve` makes the venv ahead'
            ) from error
        finally:
            kill_session(process.pid)
            process.wait()
    if process.returncode != 0:
        raise VenvError(f'{" ".join(command)} ended with {process.returncode}:\n{said}')


def main(arguments: list[str]) -> int:
    """Make the venvs of the programs whose folders are given; return the exit code."""
    try:
        for program in arguments:
            ensure(Path(program).absolute())
    except (VenvError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
