"""The file with the url and the token, which nobody but its owner may read."""

from __future__ import annotations

import json
import os
import shlex
import stat
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.errors import SettingsError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NAMES = ('url', 'token', 'token_command')
FOLDER_MODE = 0o700
OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class Config:
    """What the file says; empty: nothing.

    token_command: a command whose output is the token, such as one of a password store.
    """

    url: str = ''
    token: str = ''
    token_command: tuple[str, ...] = ()


def path(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where the file is."""
    base = environ.get('XDG_CONFIG_HOME', '')
    folder = Path(base) if os.path.isabs(base) else Path('~/.config').expanduser()
    return folder / 'infra' / 'config.toml'


def read(file: Path) -> Config:
    """Return what the file says, nothing where there is none.

    Raises SettingsError when others may read it, or it cannot be used.
    """
    try:
        with file.open('rb') as handle:
            # Of the file that is read, not of one that was put in its place meanwhile.
            _insist_on_privacy(file, os.fstat(handle.fileno()))
            return _parsed(file, tomllib.load(handle))
    except FileNotFoundError:
        return Config()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        # Without its words: they may have a part of the token in them.
        raise SettingsError(
            f'{file} is no TOML. Each line must be as: url = "https://…"'
        ) from error
    except OSError as error:
        raise SettingsError(f'{file} cannot be read: {error.strerror}.') from error


def write(file: Path, config: Config) -> None:
    """Write the file anew, whole or not at all.

    Raises SettingsError when it cannot be written.
    """
    given: dict[str, str | list[str]] = {
        'url': config.url,
        'token': config.token,
        'token_command': list(config.token_command),
    }
    lines = [f'{name} = {_toml(value)}\n' for name, value in given.items() if value]
    try:
        file.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        # Made for its owner alone from the first moment on.
        handle, name = tempfile.mkstemp(dir=file.parent, prefix='.config-')
        try:
            with os.fdopen(handle, 'w', encoding='utf-8') as new:
                new.writelines(lines)
            os.replace(name, file)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise SettingsError(f'{file} cannot be written: {error.strerror}.') from error


def _insist_on_privacy(file: Path, status: os.stat_result) -> None:
    if status.st_mode & OTHERS:
        raise SettingsError(f'{file} can be read or changed by others. Run: chmod 600 {file}')


def _parsed(file: Path, found: Mapping[str, Any]) -> Config:
    for name in found:
        if name not in NAMES:
            raise SettingsError(f'{file} has {name!r}, which is none of {", ".join(NAMES)}.')
    url, token = (_text(file, found, name) for name in ('url', 'token'))
    return Config(url, token, _command(file, found.get('token_command', '')))


def _text(file: Path, found: Mapping[str, Any], name: str) -> str:
    value = found.get(name, '')
    if not isinstance(value, str):
        raise SettingsError(f'{name} in {file} must be text in quotes.')
    return value


def _command(file: Path, given: Any) -> tuple[str, ...]:
    """Return a command from a list of words, or from a line as a shell takes it."""
    try:
        words = shlex.split(given) if isinstance(given, str) else given
    except ValueError:
        words = None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise SettingsError(
            f'token_command in {file} must be as "pass infra" or ["pass", "infra"].'
        )
    return tuple(words)


def _toml(value: str | list[str]) -> str:
    # What JSON escapes TOML escapes alike, but for this one character.
    return json.dumps(value, ensure_ascii=False).replace('\x7f', '\\u007f')
