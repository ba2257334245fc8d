"""Which service, with which token: from the environment, then from config.toml.

A token of config.toml goes to the url of config.toml only: one that INFRA_URL names may be another
service's.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra import address, config_file
from infra.config_file import Config
from infra.errors import SettingsError

COMMAND_SECONDS = 60.0


@dataclass(frozen=True)
class Settings:
    """What was found.

    url_from, token_from: where it is set; token_from is empty where there is no token.
    """

    url: str
    url_from: str
    token_from: str
    _environ: Mapping[str, str]
    _config: Config

    def token(self) -> str:
        """Return the token, empty where there is none; a token_command is run for it.

        Raises SettingsError.
        """
        if self.token_from == 'INFRA_TOKEN':
            found = self._environ['INFRA_TOKEN']
        elif self.token_from == 'INFRA_TOKEN_FILE':
            found = _of_file(Path(self._environ['INFRA_TOKEN_FILE']))
        elif self.token_from == 'token_command':
            found = _of_command(self._config.token_command)
        else:
            found = self._config.token if self.token_from else ''
        return address.checked_token(found)


def read(environ: Mapping[str, str] = os.environ) -> Settings:
    """Return what is set.

    Raises SettingsError when there is no url, or a file cannot be used.
    """
    config = config_file.read(config_file.path(environ))
    if environ.get('INFRA_URL'):
        url, url_from = environ['INFRA_URL'], 'INFRA_URL'
    elif config.url:
        url, url_from = config.url, 'config.toml'
    else:
        raise SettingsError(
            'Which service? Set INFRA_URL to its url, or have it kept: infra login URL'
        )
    url = address.checked_url(url)
    return Settings(url, url_from, _token_from(environ, config, url), environ, config)


def _token_from(environ: Mapping[str, str], config: Config, url: str) -> str:
    for name in ('INFRA_TOKEN', 'INFRA_TOKEN_FILE'):
        if environ.get(name):
            return name
    if not config.url:
        return ''
    if address.origin(address.checked_url(config.url)) != address.origin(url):
        return ''
    if config.token_command:
        return 'token_command'
    return 'config.toml' if config.token else ''


def _of_file(file: Path) -> str:
    try:
        return file.read_text('utf-8').strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, 'strerror', None) or 'it is no text'
        raise SettingsError(f'INFRA_TOKEN_FILE={file} cannot be read: {reason}.') from error


def _of_command(command: tuple[str, ...]) -> str:
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, timeout=COMMAND_SECONDS, check=True
        )
    except subprocess.CalledProcessError as error:
        words = f'ended with exit code {error.returncode}'
        raise SettingsError(f'The token_command {command[0]} {words}.') from error
    except subprocess.TimeoutExpired as error:
        words = f'took longer than {COMMAND_SECONDS:g} s'
        raise SettingsError(f'The token_command {command[0]} {words}.') from error
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, 'strerror', None) or 'its output is no text'
        raise SettingsError(f'The token_command {command[0]} cannot be used: {reason}.') from error
    # Password stores put what else they know below the first line.
    first = done.stdout.strip().partition('\n')[0].strip()
    if not first:
        raise SettingsError(f'The token_command {command[0]} printed no token.')
    return first
