"""Every setting of the service: its variable, its default and what it means, in one table."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

ROOT = Path(__file__).absolute().parent
# Stricter than Pulumi's own rule, which lets `..` and a leading dash through.
STACK_NAME = re.compile('[a-z0-9][a-z0-9-]{0,59}')
LOG_LEVELS = ('DEBUG', 'INFO', 'WARNING', 'ERROR')


class SettingsError(Exception):
    """A setting has a value that cannot be used; the message names it and says what can."""


def _setting(variable: str, default: Any, help_text: str) -> Any:
    return field(default=default, metadata={'variable': variable, 'help': help_text})


@dataclass(frozen=True)
class Settings:
    """What the environment decides, read once at start."""

    host: str = _setting('HOST', '127.0.0.1', 'Address to listen on.')
    port: int = _setting('PORT', 8000, 'Port to listen on.')
    pulumi: str = _setting('PULUMI', '', 'The pulumi executable; empty: PATH, then our own build.')
    engine: str = _setting(
        'ENGINE', 'auto', '`warm`, `cli`, or `auto`: warm where it is built, else the CLI.'
    )
    slots: int = _setting('SLOTS', 4, 'Runs at the same time, each on a stack of its own.')
    slot_wait: float = _setting('SLOT_WAIT', 30.0, 'Seconds a request waits for a free slot.')
    run_timeout: float = _setting('RUN_TIMEOUT', 60.0, 'Seconds for the steps of one run.')
    destroy_timeout: float = _setting('DESTROY_TIMEOUT', 60.0, 'Seconds for the destroy after it.')
    runs_per_history: int = _setting(
        'RUNS_PER_HISTORY', 50, "Runs after which a slot's stack history is dropped."
    )
    stack: str = _setting('STACK', 'dev', 'Name of the first slot; the next are NAME-1, NAME-2.')
    state_dir: Path = _setting(
        'STATE_DIR', ROOT / '.state', 'Folder of the embedded backend, its passphrase and locks.'
    )
    org: str = _setting('PULUMI_ORG', 'organization', 'Organisation of the stacks.')
    backend_url: str = _setting(
        'PULUMI_BACKEND_URL', '', 'Any Pulumi backend; empty: the embedded one in STATE_DIR.'
    )
    passphrase: str = _setting(
        'PULUMI_CONFIG_PASSPHRASE', '', 'Passphrase of the secrets; empty: the file, then our own.'
    )
    passphrase_file: str = _setting(
        'PULUMI_CONFIG_PASSPHRASE_FILE', '', 'File with that passphrase; empty: made in STATE_DIR.'
    )
    pulumi_home: str = _setting(
        'PULUMI_HOME', '', "Pulumi's own folder; empty: one per slot in STATE_DIR."
    )
    log_level: str = _setting('LOG_LEVEL', 'INFO', '`DEBUG`, `INFO`, `WARNING` or `ERROR`.')

    def __post_init__(self) -> None:
        _check(self.engine in ('auto', 'warm', 'cli'), 'ENGINE', 'auto, warm or cli')
        _check(0 <= self.port <= 65535, 'PORT', 'a number from 0 to 65535')
        _check(1 <= self.slots <= 64, 'SLOTS', 'a number from 1 to 64')
        _check(self.runs_per_history >= 1, 'RUNS_PER_HISTORY', 'a number from 1 up')
        _check(self.log_level in LOG_LEVELS, 'LOG_LEVEL', ', '.join(LOG_LEVELS))
        _check(STACK_NAME.fullmatch(self.stack), 'STACK', 'lower-case letters, digits and dashes')
        for name in ('slot_wait', 'run_timeout', 'destroy_timeout'):
            _check(getattr(self, name) > 0, name.upper(), 'a number of seconds above 0')

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read every setting from `environ`; empty means not set.

        Raises SettingsError when a value cannot be used.
        """
        given: dict[str, Any] = {}
        for each in fields(cls):
            text = environ.get(each.metadata['variable'], '')
            if text:
                given[each.name] = _parse(each.metadata['variable'], text, type(each.default))
        return cls(**given)


def _parse(variable: str, text: str, kind: type[Any]) -> Any:
    if issubclass(kind, Path):
        return Path(text).expanduser().absolute()
    try:
        return kind(text)
    except ValueError as error:
        raise SettingsError(f'{variable}={text} is not a number.') from error


def _check(holds: object, variable: str, wanted: str) -> None:
    if not holds:
        raise SettingsError(f'{variable} must be {wanted}.')
