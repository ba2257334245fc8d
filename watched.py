"""What a file of settings says: read when it changes, and as it was where it cannot be used."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from settings import SettingsError

logger = logging.getLogger(__name__)

Content = TypeVar('Content')
Version = tuple[int, int, int] | None


class Watched(Generic[Content]):
    """The content of a file; for any thread.

    load: returns it, or raises SettingsError.
    named: returns the files that it names; a change of one counts as well.

    Raises SettingsError when it cannot be used from the start.
    """

    def __init__(
        self,
        file: Path,
        load: Callable[[Path], Content],
        named: Callable[[Path], Sequence[Path]] = lambda file: (),
    ) -> None:
        self._file = file
        self._load = load
        self._named = named
        self._loading = threading.Lock()
        self._versions = self._look()
        self._content = load(file)

    def content(self) -> Content:
        """Return what is in force."""
        with self._loading:
            if any(_version(file) != version for file, version in self._versions.items()):
                # Before it is read: one that is broken is told once, and a change meanwhile counts.
                self._versions = self._look()
                try:
                    self._content = self._load(self._file)
                    logger.info('%s was read anew', self._file)
                except SettingsError as error:
                    logger.error('%s The version before it stays in force.', error)
            return self._content

    def _look(self) -> dict[Path, Version]:
        version = _version(self._file)
        return {**{each: _version(each) for each in self._named(self._file)}, self._file: version}


def _version(file: Path) -> Version:
    try:
        status = file.stat()
    except (OSError, ValueError):
        # The latter of a name that no file can have.
        return None
    return status.st_ctime_ns, status.st_size, status.st_ino
