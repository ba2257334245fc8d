"""The object store that programs get: our own S3 server, or one that is elsewhere.

Programs find it by variables of their own, S3_*. AWS's would do as well, but the engine reads those
too, and has to be started anew for each other value.
"""

from __future__ import annotations

import http.client
import logging
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from engine import EngineError
from servers.errors import ServerError
from servers.kept import Kept, Kind
from servers.preparation import Preparation
from servers.supply import EXECUTABLE, OBJECT_STORE
from workspaces.files import make_once

logger = logging.getLogger(__name__)

# What OBJECT_STORE says for AWS itself, whose endpoints boto3 knows.
AWS = 'aws'
REGION = 'us-east-1'
# What our own server serves websites under: `bucket.localhost` is this machine for all browsers.
DOMAIN = 'localhost'
# Seconds for an answer of a server on this machine.
PATIENCE = 2.0
USER = 'service'


class ObjectStore:
    """Where programs keep objects."""

    def __init__(self, address: str, website: str, folder: Path) -> None:
        """Take where it is.

        address: of an S3 server, AWS, or empty for one of our own.
        website: the host of a bucket's website there, as `{bucket}.web.example.com`; empty where
            the program finds it by itself.
        folder: of our own one.
        """
        self._address = address
        self._website = website
        self._folder = folder
        self._gateway = Gateway(folder)
        self._kept = Kept(folder, self._gateway)

    def resume(self) -> None:
        """Serve again what is in our own one from before."""
        if not self._address and self._kept.was_used:
            self._kept.begin()

    def variables(self, pause: Callable[[float], object]) -> dict[str, str]:
        """Return what programs find it by, once it answers where it is our own.

        pause: see Kept.ports.

        Raises ServerError.
        """
        website = {'S3_WEBSITE': self._website} if self._website else {}
        if self._address:
            elsewhere = {} if self._address == AWS else {'S3_ENDPOINT': self._address}
            return {**elsewhere, **website}
        port, website_port = self._kept.ports(pause)
        access_key, secret_key = self._gateway.keys()
        return {
            'S3_ENDPOINT': f'http://127.0.0.1:{port}',
            'S3_REGION': REGION,
            'S3_ACCESS_KEY': access_key,
            'S3_SECRET_KEY': secret_key,
            'S3_WEBSITE': f'{{bucket}}.{DOMAIN}:{website_port}',
            'S3_FOLDER': str(self._folder.absolute()),
        }

    def close(self) -> None:
        """End our own one, where this process keeps it."""
        self._kept.close()


class Gateway(Kind):
    """VersityGW: an S3 server, and one of websites, over a folder of files."""

    name = 'object store'
    port_count = 2

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._executable: Path | None = None
        self._preparation = Preparation(self.name)

    def keys(self) -> tuple[str, str]:
        """Return the access key and the secret key, made once; the owner alone can read them."""
        file = self._folder / 'secret-key'
        make_once(file, secrets.token_urlsafe(30))
        return USER, file.read_text().strip()

    def prepare(self) -> None:
        """Build it where it is not built, which takes a minute or two.

        Raises ServerError.
        """
        try:
            folder = OBJECT_STORE.built_bin() or self._preparation.do(OBJECT_STORE.build)
        except EngineError as error:
            raise ServerError(str(error)) from error
        self._executable = folder / EXECUTABLE

    def give_up(self) -> None:
        """Have a build end."""
        self._preparation.give_up()

    def command(self, folder: Path, ports: Sequence[int]) -> list[str]:
        """Return what serves the data in the folder."""
        data = folder.absolute() / 'data'
        data.mkdir(mode=0o700, exist_ok=True)
        port, website_port = ports
        website = ['--website', f'127.0.0.1:{website_port}', '--website-domain', DOMAIN]
        options = ['--port', f'127.0.0.1:{port}', '--region', REGION, '--quiet']
        return [str(self._executable), *options, *website, '--website-no-tls', 'posix', str(data)]

    def environ(self, folder: Path) -> Mapping[str, str]:
        """Return its environment: nothing but its keys."""
        access_key, secret_key = self.keys()
        return {
            'PATH': os.environ.get('PATH', os.defpath),
            'ROOT_ACCESS_KEY': access_key,
            'ROOT_SECRET_KEY': secret_key,
        }

    def answers(self, ports: Sequence[int]) -> bool:
        """Tell whether both its servers answer, whatever they say to somebody without a key."""
        return all(map(_answers, ports))


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=PATIENCE)
    try:
        with suppress(OSError, http.client.HTTPException):
            connection.request('HEAD', '/')
            connection.getresponse()
            return True
    finally:
        connection.close()
    return False
