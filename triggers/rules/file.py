"""The file of rules as it is now: read when it changes; what cannot be used changes nothing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import tomli

from settings import SettingsError
from triggers.rules.reading import IsKnown, RulesError, read
from triggers.rules.rule import Rules
from triggers.rules.secrets import files_of

logger = logging.getLogger(__name__)

State = tuple[int, int, int] | None


class RulesFile:
    """Returns the rules that are in force; for any thread."""

    def __init__(self, file: str, is_principal: IsKnown) -> None:
        """Read the file; empty: there are no rules.

        Raises SettingsError when it cannot be used from the start.
        """
        self._file = Path(file) if file else None
        self._is_principal = is_principal
        self._reading = threading.Lock()
        self._watched: Sequence[Path] = [self._file] if self._file else []
        self._states = self._now()
        self._rules = self._read()

    @property
    def is_there(self) -> bool:
        """Whether there is a file at all."""
        return self._file is not None

    def current(self) -> Rules:
        """Return what the file says; what it said before, where that cannot be used."""
        with self._reading:
            states = self._now()
            if states != self._states:
                # Before it is read: one that is broken is told once.
                self._states = states
                try:
                    self._rules = self._read()
                    logger.info('TRIGGERS_FILE=%s was read anew', self._file)
                except SettingsError as error:
                    logger.error('%s The version before it stays in force.', error)
            return self._rules

    def _read(self) -> Rules:
        if self._file is None:
            return Rules()
        try:
            # Looked at before it is read: a change meanwhile counts the next time.
            state = _state(self._file)
            text = self._file.read_text('utf-8')
            self._watch(self._file, state, text)
            return read(text, self._is_principal)
        except UnicodeDecodeError as error:
            raise SettingsError(f'TRIGGERS_FILE={self._file} is not UTF-8.') from error
        except OSError as error:
            raise SettingsError(f'TRIGGERS_FILE={self._file} cannot be read: {error}.') from error
        except RulesError as error:
            raise SettingsError(f'TRIGGERS_FILE={self._file}, {error}.') from error

    def _watch(self, file: Path, state: State, text: str) -> None:
        """Have the file of a secret that changes count as a change, too."""
        secrets: list[Path] = []
        with suppress(ValueError, RecursionError, AttributeError):
            for given in tomli.loads(text).get('source', {}).values():
                secrets += files_of(given)
        self._watched = [file, *secrets]
        self._states = [state, *map(_state, secrets)]

    def _now(self) -> list[State]:
        return [_state(each) for each in self._watched]


def _state(file: Path) -> State:
    try:
        found = file.stat()
    except (OSError, ValueError):
        # The latter of a name that no file can have.
        return None
    return found.st_ctime_ns, found.st_size, found.st_ino
