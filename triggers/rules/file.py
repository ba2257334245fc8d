"""The file of rules as it is now: read when it changes; what cannot be used changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import tomli

from settings import SettingsError
from triggers import toml_tables
from triggers.rules.reading import IsKnown, RulesError, read
from triggers.rules.rule import Rules
from triggers.rules.secrets import files_of
from watched import Watched

VARIABLE = 'TRIGGERS_FILE'


class RulesFile:
    """Returns the rules that are in force; for any thread.

    file: empty: there are no rules.
    is_principal: tells whether there is somebody of a name.

    Raises SettingsError when it cannot be used from the start.
    """

    def __init__(self, file: str, is_principal: IsKnown) -> None:
        self._is_principal = is_principal
        self._watched = Watched(Path(file), self._load, _secrets) if file else None

    @property
    def is_there(self) -> bool:
        """Whether there is a file at all."""
        return self._watched is not None

    def current(self) -> Rules:
        """Return what the file says; what it said before, where that cannot be used."""
        return self._watched.content() if self._watched else Rules()

    def _load(self, file: Path) -> Rules:
        try:
            return read(toml_tables.text_of(VARIABLE, file), self._is_principal)
        except RulesError as error:
            raise SettingsError(f'{VARIABLE}={file}, {error}.') from error


def _secrets(file: Path) -> Sequence[Path]:
    """Return the files with secrets; none where the file cannot be used."""
    with suppress(OSError, ValueError, RecursionError, AttributeError):
        sources = tomli.loads(file.read_text('utf-8')).get('source', {}).values()
        return [each for given in sources for each in files_of(given)]
    return []
