"""What a file of settings says: read when it changes, and as it was where it cannot be used."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from settings import SettingsError

logger = logging.getLogger(__name__)

Content = TypeVar('Content')
Version = tuple[int, int, int] | None


class Watched(Generic[Content]):
    """The content of a file; for any thread.

    load: returns it, or raises SettingsError.

    Raises SettingsError when it cannot be used from the start.
    """

    def __init__(self, file: Path, load: Callable[[Path], Content]) -> None:
        self._file = file
        self._load = load
        self._loading = threading.Lock()
        self._version = _version(file)
        self._content = load(file)

    def content(self) -> Content:
        """Return what is in force."""
        with self._loading:
            version = _version(self._file)
            if version != self._version:
                # Before it is read: one that is broken is told once.
                self._version = version
                try:
                    self._content = self._load(self._file)
                except SettingsError as error:
                    logger.error('%s The version before it stays in force.', error)
            return self._content


def _version(file: Path) -> Version:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ctime_ns, status.st_size, status.st_ino
