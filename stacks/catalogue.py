"""The programs that people can choose from: folders with a Pulumi.yaml, read as they change."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from stacks import programs
from stacks.program_files import (
    PROJECT_FILE,
    REQUIREMENTS_FILE,
    SCHEMA_FILE,
    ProgramError,
    is_there,
)
from stacks.programs import Program

logger = logging.getLogger(__name__)

# What says that a program's description may have changed: when the file was touched last, which
# also a change of its mode does; its size and its number; or why it cannot be looked at.
State = tuple[int, int, int] | int | None
READ = (PROJECT_FILE, SCHEMA_FILE, REQUIREMENTS_FILE)
# Of a reason, which may quote from a file.
LONGEST_REASON = 500


class Catalogue:
    """All programs, as their folders are now; a folder that cannot be used stops nothing."""

    def __init__(self, folders: Sequence[Path], parents: Sequence[Path]) -> None:
        """Take programs' folders, and folders whose subfolders are programs; any may be missing."""
        self._folders = folders
        self._parents = parents
        # No lock: two who read the same folder at once find the same, and nobody waits for a disk.
        self._known: dict[Path, tuple[tuple[State, ...], Program]] = {}

    def programs(self) -> list[Program]:
        """Return every program by name; those that are not available say why."""
        found = _with_own_names([self._read(folder) for folder in self._program_folders()])
        return sorted(found, key=lambda program: program.name)

    def program(self, name: str) -> Program | None:
        """Return the program of that name, available or not; None when there is none."""
        return next((each for each in self.programs() if each.name == name), None)

    def _program_folders(self) -> list[Path]:
        below = [folder for parent in self._parents for folder in _folders_in(parent)]
        # Behind a link there is the same program, with the same venv.
        found = [Path(os.path.realpath(each)) for each in [*self._folders, *below]]
        return [each for each in found if is_there(each / PROJECT_FILE)]

    def _read(self, folder: Path) -> Program:
        now = tuple(_state(folder / name) for name in READ)
        before, program = self._known.get(folder, (None, None))
        if program is None or before != now:
            program = _read(folder)
            self._known[folder] = now, program
        return program


def _folders_in(parent: Path) -> list[Path]:
    try:
        return sorted(each for each in parent.iterdir() if not each.name.startswith('.'))
    except FileNotFoundError:
        return []
    except OSError as error:
        logger.warning('no program in %s is available: %s', parent, error.strerror)
        return []


def _read(folder: Path) -> Program:
    try:
        return programs.read(folder)
    except ProgramError as error:
        reason = _printable(str(error))[:LONGEST_REASON]
        logger.warning('program %s is not available: %s', _printable(str(folder)), reason)
    except Exception:
        reason = 'It cannot be read, for a reason that the log of the service has.'
        logger.exception('program %s is not available', _printable(str(folder)))
    name = _printable(folder.name)
    return Program(folder, name, title=name, reason=reason)


def _with_own_names(found: Iterable[Program]) -> list[Program]:
    """Return programs with a name of their own each; those that can be used choose first."""
    named: dict[str, Program] = {}
    for program in sorted(found, key=lambda each: bool(each.reason)):
        first = named.get(program.name)
        if first is None:
            named[program.name] = program
            continue
        name = next(each for each in _other_names(program) if each not in named)
        words = f'{PROJECT_FILE}: {program.name} is the name of the program in {first.folder.name}'
        named[name] = replace(program, name=name, reason=program.reason or words)
    return list(named.values())


def _other_names(program: Program) -> Iterable[str]:
    folder = _printable(program.folder.name)
    yield f'{program.name} ({folder})'
    for number in itertools.count(2):
        yield f'{program.name} ({folder}, {number})'


def _printable(text: str) -> str:
    """Return text with what is no Unicode, as in the name of a folder, written out."""
    return text.encode(errors='backslashreplace').decode()


def _state(file: Path) -> State:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        return error.errno
    return found.st_ctime_ns, found.st_size, found.st_ino
