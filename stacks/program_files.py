"""The files of a program's folder, which anybody may have written: read without trusting them."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import yaml

PROJECT_FILE = 'Pulumi.yaml'
SCHEMA_FILE = 'inputs.schema.json'
REQUIREMENTS_FILE = 'requirements.txt'
# Of a file that is read whole, of one thing within another, and of a list: nobody needs more, and
# to check more may take minutes.
LARGEST = 64 * 1024
DEEPEST = 20
LONGEST = 1000
TOO_DEEP = f'nothing may be more than {DEEPEST} levels deep'


class ProgramError(Exception):
    """A folder is no program that can be used; the message says what to correct."""


@contextmanager
def opened(file: Path) -> Iterator[BinaryIO]:
    """Open a file for the body.

    Raises ProgramError when it cannot be read, or is one that could block or never end.
    """
    try:
        with open(file, 'rb', opener=_at_once) as handle:
            if not stat.S_ISREG(os.fstat(handle.fileno()).st_mode):
                raise ProgramError(f'{file.name} must be a regular file')
            yield handle
    except FileNotFoundError:
        raise ProgramError(f'{file.name} is missing') from None
    except OSError as error:
        raise ProgramError(f'{file.name} cannot be read: {error.strerror}') from error


def is_there(file: Path) -> bool:
    """Tell whether there is anything of this name, also when nobody may look at it."""
    try:
        file.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def read_yaml(file: Path) -> dict[str, Any]:
    """Return what a YAML file has, by its keys.

    Raises ProgramError.
    """
    try:
        found = yaml.load(_text(file), _Loader)
    except yaml.YAMLError as error:
        raise ProgramError(f'{file.name} cannot be read: {_words(error)}') from error
    except ProgramError:
        raise
    except Exception as error:
        # PyYAML lets through whatever a number, a date or a tag that is none raises.
        raise ProgramError(f'{file.name} has a value that cannot be read: {error}') from error
    _check_size(found, file.name)
    return mapping(found, file.name)


def read_json(file: Path) -> Any:
    """Return what a JSON file has.

    Raises ProgramError.
    """
    try:
        found = json.loads(_text(file))
    except RecursionError:
        raise ProgramError(f'{file.name}: {TOO_DEEP}') from None
    except ValueError as error:
        raise ProgramError(f'{file.name} cannot be read: {error}') from error
    _check_size(found, file.name)
    return plain(found, file.name)


def plain(value: Any, what: str) -> Any:
    """Return a value as a client of the service gets it: with what JSON has, and no more.

    Raises ProgramError when that cannot be.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (TypeError, ValueError) as error:
        words = 'must be plain JSON: put dates in quotes, and leave out what JSON does not have'
        raise ProgramError(f'{what} {words}') from error
    return json.loads(text)


def mapping(value: Any, what: str) -> dict[str, Any]:
    """Return a value that must have keys; an empty one where there is none.

    Raises ProgramError.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ProgramError(f'{what} must have keys and values')
    return value


class _Loader(yaml.SafeLoader):
    """Reads no aliases, through which a short text can be a value without end."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem='aliases cannot be used here', problem_mark=mark)
        if self._depth == DEEPEST:
            raise yaml.MarkedYAMLError(problem=TOO_DEEP, problem_mark=mark)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


def _at_once(file: str, flags: int) -> int:
    # A pipe would wait for somebody who writes to it.
    return os.open(file, flags | os.O_NONBLOCK)


def _text(file: Path) -> str:
    with opened(file) as handle:
        content = handle.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ProgramError(f'{file.name} must be at most {LARGEST // 1024} KiB long')
    try:
        return content.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        raise ProgramError(f'{file.name} must be UTF-8 text') from error


def _words(error: yaml.YAMLError) -> str:
    """Return what is wrong, and in which line."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        words = ', '.join(filter(None, (error.context, error.problem)))
        return f'line {error.problem_mark.line + 1}: {words}'
    return str(error).partition('\n')[0]


def _check_size(value: Any, what: str, depth: int = 0) -> None:
    if not isinstance(value, dict | list):
        return
    if depth == DEEPEST:
        raise ProgramError(f'{what}: {TOO_DEEP}')
    if isinstance(value, list) and len(value) > LONGEST:
        raise ProgramError(f'{what}: no list may have more than {LONGEST} entries')
    for each in value.values() if isinstance(value, dict) else value:
        _check_size(each, what, depth + 1)
