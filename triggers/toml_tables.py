"""Settings in a TOML file of tables in a list, whose flaws are told by line and field."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import tomli

from settings import SettingsError
from stacks import flaws
from triggers.toml_lines import BEYOND, line_of

Entry = TypeVar('Entry')
Schemas = Mapping[str, Mapping[str, Any]]


class Tables:
    """The tables of one file, which all fit their schemas.

    variable: the setting that names the file, for messages.
    schemas: by the name of each kind of table, the JSON Schema of one.

    Raises SettingsError with everything that is wrong.
    """

    def __init__(self, variable: str, file: Path, schemas: Schemas) -> None:
        self._where = f'{variable}={file}'
        self._text = text_of(variable, file)
        try:
            self._found = tomli.loads(self._text)
        except tomli.TOMLDecodeError as error:
            raise SettingsError(f'{self._where} is no TOML: {error}.') from None
        except (ValueError, RecursionError):
            raise SettingsError(f'{self._where} is no TOML: {BEYOND}.') from None
        wrong = [
            *(
                self._flaw(name, 0, '', 'is not known here')
                for name in self._found.keys() - schemas
            ),
            *(each for name, schema in schemas.items() for each in self._flaws(name, schema)),
        ]
        self._insist_on_none(wrong)

    def each(self, name: str, make: Callable[[Mapping[str, Any]], Entry]) -> list[Entry]:
        """Return what is made of each table of a kind; make: raises ValueError `FIELD WORDS`.

        Raises SettingsError with everything that is wrong.
        """
        made, wrong = [], []
        for number, table in enumerate(self._found.get(name, [])):
            try:
                made.append(make(table))
            except ValueError as error:
                field, _, words = str(error).partition(' ')
                wrong.append(self._flaw(name, number, field, words))
        self._insist_on_none(wrong)
        return made

    def _flaws(self, name: str, schema: Mapping[str, Any]) -> list[str]:
        tables = self._found.get(name, [])
        if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
            return [self._flaw(name, 0, '', f'must be as [[{name}]]')]
        return [
            self._flaw(name, number, flaw.pointer.split('/')[1], flaw.detail)
            for number, table in enumerate(tables)
            for flaw in flaws.find(schema, table, 'is not known here')
        ]

    def _flaw(self, name: str, number: int, field: str, words: str) -> str:
        line = line_of(self._text, (name, number, field))
        return f'line {line}: {field or name} {words}'

    def _insist_on_none(self, wrong: Sequence[str]) -> None:
        if wrong:
            raise SettingsError(f'{self._where}, {"; ".join(wrong)}.')


def text_of(variable: str, file: Path) -> str:
    """Return what is in a file that a setting names.

    Raises SettingsError.
    """
    try:
        return file.read_text('utf-8')
    except UnicodeDecodeError as error:
        raise SettingsError(f'{variable}={file} is not UTF-8.') from error
    except OSError as error:
        raise SettingsError(f'{variable}={file} cannot be read: {error.strerror}.') from error
