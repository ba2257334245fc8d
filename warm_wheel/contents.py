"""What goes into the wheels, laid out in a folder as hatchling takes it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from engine.installed import FINGERPRINT, FOLDER

ROOT = Path(__file__).resolve().parent.parent
HERE = Path(__file__).resolve().parent
PACKAGE = ROOT / 'warm_pulumi'
# A wheel has no links, so this stands where the engine has one: one process, as with the link.
LINK = '#!/bin/sh\nexec "$(dirname "$0")/{target}" "$@"\n'


def lay_out_package(folder: Path) -> None:
    """Put what both wheels have into a folder."""
    sources = shutil.ignore_patterns('__pycache__', 'README.md', Path(FOLDER).name)
    shutil.copytree(PACKAGE, folder / PACKAGE.name, ignore=sources)
    shutil.copy(PACKAGE / 'README.md', folder)
    shutil.copy(HERE / 'pyproject.toml', folder)
    shutil.copy(ROOT / 'LICENSE', folder)


def lay_out_executables(engine: Path, fingerprint: str, folder: Path) -> None:
    """Put an engine into a folder, as one that is installed.

    engine: the folder of a finished build. fingerprint: of the sources that it was built of.
    """
    for file in sorted(engine.rglob('*')):
        target = folder / FOLDER / file.relative_to(engine)
        if file.is_file() and file.suffix != '.lastused':  # When an engine last used a plugin.
            target.parent.mkdir(parents=True, exist_ok=True)
            _put(file, target)
    (folder / FOLDER / FINGERPRINT).write_text(f'{fingerprint}\n')


def files_in(folder: Path) -> dict[str, Path]:
    """Return the package's files in a folder, by their path there."""
    return {path.relative_to(folder).as_posix(): path for path in _files(folder / PACKAGE.name)}


def _put(file: Path, target: Path) -> None:
    if file.is_symlink():
        target.write_text(LINK.format(target=file.readlink().as_posix()))
        target.chmod(0o755)
    else:
        target.symlink_to(file)  # Of what is large, hatchling reads the original.


def _files(folder: Path) -> Iterator[Path]:
    yield from (path for path in sorted(folder.rglob('*')) if path.is_file())
