"""Wheels that carry executables, installed by a lock into folders of their own."""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from engine import pip
from engine.children import FailedError
from engine.work import Work

PIP_INSTALL = [sys.executable, '-m', 'pip', 'install']
INSTALL_DEADLINE = 10 * 60.0


class WheelError(Exception):
    """A wheel could not be installed; the message is pip's."""


def digest(lock: Path) -> str:
    """Return what a folder is named by, so that what another lock let in is not taken for it."""
    return hashlib.sha256(lock.read_bytes()).hexdigest()[:16]


def install(lock: Path, folder: Path, work: Work) -> None:
    """Install what a lock names into a folder, which is seen when it is whole.

    Only called by one process at a time.

    Raises WheelError.
    """
    unfinished = folder.with_name(folder.name + '.unfinished-wheel')
    shutil.rmtree(unfinished, ignore_errors=True)
    options = ['--quiet', '--no-deps', '--only-binary', ':all:', '--require-hashes']
    lines: list[str] = []
    try:
        work.children.check(
            [*PIP_INSTALL, *options, '--target', str(unfinished), '--requirement', str(lock)],
            environ=pip.environment(),
            on_line=lines.append,
            deadline=INSTALL_DEADLINE,
        )
    except FailedError as error:
        raise WheelError(_reason(lines or error.lines)) from error
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)


def _reason(lines: Sequence[str]) -> str:
    """Return pip's own words, or what else went wrong."""
    said = [line.strip() for line in lines if line.strip()]
    told = [line for line in said if line.startswith('ERROR:')]
    return (told or said or ['pip said nothing'])[-1]
