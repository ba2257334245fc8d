"""What makes venvs cheap to make: copies of one, and a package that no index is asked for."""

from __future__ import annotations

import zipfile
from pathlib import Path

COPY = """
import shutil, sys
shutil.copytree({source!r}, sys.argv[1], symlinks=True, dirs_exist_ok=True)
"""


def copy_venvs_in(folder: Path, made: Path) -> None:
    """Have `python -m venv` in a folder copy what is made already.

    Nearly all the time of making an empty venv is that of pip installing itself into it.
    """
    (folder / 'venv.py').write_text(COPY.format(source=str(made)))


def wheel(folder: Path) -> Path:
    """Make the wheel of a package `thing`, version 1.0, in a folder."""
    path = folder / 'thing-1.0-py3-none-any.whl'
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('thing.py', '')
        info = 'thing-1.0.dist-info'
        archive.writestr(f'{info}/METADATA', 'Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n')
        tag = 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n'
        archive.writestr(f'{info}/WHEEL', tag)
        archive.writestr(f'{info}/RECORD', 'thing.py,,\n')
    return path
