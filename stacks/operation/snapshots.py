"""The programs of the catalogue as they were when a run began, kept while stacks need them.

Pulumi writes a stack's settings into the program's folder, and somebody may change a program while
it runs. So a run gets a copy, which is named by the program's digest. What code in a stack's state
refers to stays there until the stack is destroyed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from stacks import programs
from stacks.program_files import PROJECT_FILE, read_yaml
from stacks.programs import Program

# Of a copy that is not whole yet, and of one that is being removed.
UNFINISHED, REMOVED = '.unfinished-', '.removed-'


class Snapshots:
    """Copies of programs, each once for each digest."""

    def __init__(self, folder: Path) -> None:
        """Keep them in a folder, which is made when it is missing."""
        self._folder = folder

    def take(self, program: Program) -> Path:
        """Return the copy of a program as it is now."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = self._place(program, programs.digest(program.folder))
        return known if known.is_dir() else self._copy(program)

    def kept(self, digest: str) -> Path | None:
        """Return an earlier copy; None where there is none on this host."""
        return next(self._folder.glob(f'{digest}.*'), None) if digest else None

    @contextmanager
    def using(self, find: Callable[[], Path]) -> Iterator[Path]:
        """Find a copy, and keep all services from removing it in the body."""
        while True:
            folder = find()
            with _held(folder, fcntl.LOCK_SH) as is_there:
                if is_there:
                    yield folder
                    return

    def remove_all_but(self, digests: Collection[str]) -> None:
        """Remove the copies that nobody needs or uses any more, and what is left of others."""
        for folder in list(self._folder.glob('*')):
            if digest_of(folder) not in digests:
                with suppress(OSError), _held(folder, fcntl.LOCK_EX | fcntl.LOCK_NB) as is_there:
                    if is_there:
                        self._remove(folder)

    def _remove(self, folder: Path) -> None:
        # First out of sight: whoever waits to use it makes another one.
        removed = Path(tempfile.mkdtemp(prefix=REMOVED, dir=self._folder))
        folder.rename(removed / 'copy')
        shutil.rmtree(removed, ignore_errors=True)

    def _place(self, program: Program, digest: str) -> Path:
        # A copy names the venv beside the program, which may be another one's of the same text.
        where = hashlib.sha256(str(program.folder.absolute()).encode()).hexdigest()[:8]
        return self._folder / f'{digest}.{where}'

    def _copy(self, program: Program) -> Path:
        with self.using(self._unfinished) as unfinished:
            try:
                copy = unfinished / 'program'
                # Links as they are, as in the digest.
                shutil.copytree(program.folder, copy, symlinks=True, ignore=_no_sources)
                # Of the copy: the program may have changed meanwhile.
                final = self._place(program, programs.digest(copy))
                _use_venv_of(program, copy / PROJECT_FILE)
                _rename(copy, final)
                return final
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)

    def _unfinished(self) -> Path:
        return Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=self._folder))


def digest_of(copy: Path) -> str:
    """Return the digest of the program that a copy is of; its own name where it is none."""
    return copy.name.partition('.')[0] or copy.name


def venv_of(copy: Path) -> Path:
    """Return the venv that a copy runs in."""
    project = yaml.safe_load((copy / PROJECT_FILE).read_text())
    return Path(project['runtime']['options']['virtualenv'])


def needs_of(copy: Path) -> frozenset[str]:
    """Return what a program needs, as programs.Program has it."""
    return programs.needs(yaml.safe_load((copy / PROJECT_FILE).read_text()))


def settings_of(folder: Path, stack: str) -> Path:
    """Return the file in which Pulumi looks for a stack's settings."""
    return folder / f'Pulumi.{stack}.yaml'


def write_settings(file: Path, salt: str, project: str, inputs: Mapping[str, Any]) -> None:
    """Write a stack's settings, whole, for the owner alone.

    inputs: as the database has them; secrets stay encrypted.
    """
    plain = {f'{project}:{name}': value for name, value in inputs['plain'].items()}
    secret = {f'{project}:{name}': {'secure': kept} for name, kept in inputs['secret'].items()}
    settings = {'encryptionsalt': salt, 'config': plain | secret}
    new = file.with_name(f'.{file.name}.{os.getpid()}')
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'w') as handle:
        # The C library, where there is one: Python's own takes seconds for long texts.
        yaml.dump(settings, handle, getattr(yaml, 'CSafeDumper', yaml.SafeDumper))
    new.replace(file)


@contextmanager
def _held(folder: Path, how: int) -> Iterator[bool]:
    """Lock a folder in the body, and tell whether it is still there.

    Raises BlockingIOError when it is to be locked at once and others use it.
    """
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    try:
        fcntl.flock(fd, how)
        yield _is_at(folder, fd)
    finally:
        os.close(fd)


def _is_at(folder: Path, fd: int) -> bool:
    try:
        return os.path.samestat(folder.stat(), os.fstat(fd))
    except FileNotFoundError:
        return False


def _rename(folder: Path, final: Path) -> None:
    try:
        folder.rename(final)
    except OSError:
        # Another one has made the same meanwhile.
        if not final.is_dir():
            raise


def _no_sources(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if not programs.is_source(Path(folder, name))}


def _use_venv_of(program: Program, project_file: Path) -> None:
    """Have the copy run in the venv that is made for the program's own folder."""
    project = read_yaml(project_file)
    venv = str(program.folder.absolute() / 'venv')
    project['runtime'] = {'name': 'python', 'options': {'virtualenv': venv}}
    project_file.write_text(yaml.safe_dump(project, sort_keys=False))
