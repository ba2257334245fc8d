"""The programs that people can choose from: folders with a Pulumi.yaml, read as they change."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from stacks import programs
from stacks.programs import Program, ProgramError

logger = logging.getLogger(__name__)

# What says that a program's description may have changed: time, size and number of each file.
Fingerprint = tuple[tuple[int, int, int] | None, ...]
READ = (programs.PROJECT_FILE, programs.SCHEMA_FILE, programs.REQUIREMENTS_FILE)


class Catalogue:
    """All programs, as their folders are now; a folder that cannot be used stops nothing."""

    def __init__(self, folders: Sequence[Path], parents: Sequence[Path]) -> None:
        """Take programs' folders, and folders whose subfolders are programs; any may be missing."""
        self._folders = folders
        self._parents = parents
        self._known: dict[Path, tuple[Fingerprint, Program]] = {}
        self._reading = threading.Lock()

    def programs(self) -> list[Program]:
        """Return every program by name; those that are not available say why."""
        with self._reading:
            found = [self._read(folder) for folder in self._program_folders()]
        by_name: dict[str, Program] = {}
        for program in found:
            first = by_name.setdefault(program.name, program)
            if first is not program:
                reason = f'{program.name} is the name of {first.folder}'
                name = f'{program.name} ({program.folder})'
                by_name[name] = replace(program, name=name, reason=reason)
        return sorted(by_name.values(), key=lambda program: program.name)

    def program(self, name: str) -> Program | None:
        """Return the program of that name, available or not; None when there is none."""
        return next((each for each in self.programs() if each.name == name), None)

    def _program_folders(self) -> list[Path]:
        below = [
            folder
            for parent in self._parents
            if parent.is_dir()
            for folder in sorted(parent.iterdir())
            if not folder.name.startswith('.')
        ]
        # Behind a link there is the same program, with the same venv.
        found = [each.resolve() for each in [*self._folders, *below]]
        return [each for each in found if (each / READ[0]).is_file()]

    def _read(self, folder: Path) -> Program:
        now = tuple(_state(folder / name) for name in READ)
        before, program = self._known.get(folder, (None, None))
        if program is None or before != now:
            program = _read(folder)
            self._known[folder] = now, program
        return program


def _read(folder: Path) -> Program:
    try:
        return programs.read(folder)
    except ProgramError as error:
        logger.warning('program %s is not available: %s', folder, error)
        return Program(folder, name=folder.name, title=folder.name, reason=str(error))


def _state(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
