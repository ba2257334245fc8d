"""The secrets of sources: in the environment or in files, never in the file of rules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from triggers.sources import standard

SHORTEST = 16
# Of a file with one.
MOST_BYTES = 64 * 1024
NAMES = ('secret', 'previous_secret')
WEBHOOK = 'webhook'


class SecretError(Exception):
    """A secret cannot be had, or not be used; key: what names it."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def secrets_of(kind: str, given: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the secrets of a source, the current one first.

    Raises SecretError.
    """
    found = [_secret(kind, given, name, environ) for name in NAMES if _keys(given, name)]
    if not _keys(given, 'secret'):
        raise SecretError('secret_env', 'or secret_file is required')
    return tuple(found)


def webhook_of(given: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    """Return the URL of a chat that takes messages; empty without one.

    Raises SecretError.
    """
    if not (keys := _keys(given, WEBHOOK)):
        return ''
    url = _value(given, WEBHOOK, environ)
    if not url.startswith(('https://', 'http://')) or not url.isprintable() or ' ' in url:
        raise SecretError(keys[0], 'must lead to a URL')
    return url


def files_of(given: Mapping[str, Any]) -> list[Path]:
    """Return the files that the secrets of a source are in."""
    keys = (f'{name}_file' for name in (*NAMES, WEBHOOK))
    return [Path(given[key]) for key in keys if isinstance(given.get(key), str)]


def _keys(given: Mapping[str, Any], name: str) -> list[str]:
    return [key for key in (f'{name}_env', f'{name}_file') if key in given]


def _secret(kind: str, given: Mapping[str, Any], name: str, environ: Mapping[str, str]) -> str:
    secret = _value(given, name, environ)
    key = _keys(given, name)[0]
    if len(secret) < SHORTEST or not secret.isascii() or not secret.isprintable():
        raise SecretError(key, f'must lead to {SHORTEST} or more printable ASCII characters')
    if kind == 'standard':
        try:
            standard.key_of(secret)
        except ValueError as error:
            raise SecretError(key, str(error)) from None
    return secret


def _value(given: Mapping[str, Any], name: str, environ: Mapping[str, str]) -> str:
    """Return what a variable or a file has."""
    keys = _keys(given, name)
    if len(keys) > 1:
        raise SecretError(keys[0], f'and {keys[1]} are two: give one')
    key = keys[0]
    if key.endswith('_file'):
        return _read(key, given[key])
    if found := environ.get(given[key], '').strip():
        return found
    raise SecretError(key, f'is {given[key]}, which is not set in the environment')


def _read(key: str, file: str) -> str:
    try:
        # Not of what never ends, as a device or a pipe.
        if not (found := Path(file)).is_file():
            raise OSError
        with found.open('rb') as opened:
            return opened.read(MOST_BYTES).decode().strip()
    except (OSError, ValueError):
        raise SecretError(key, f'is {file}, which cannot be read') from None
