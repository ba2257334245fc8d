"""The PostgreSQL in which programs make databases: our own, or one that is elsewhere.

Programs find it by variables of their own. PostgreSQL's would do as well, but Pulumi reads those
for its backend.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from servers.kept import Kept
from servers.postgresql import USER, PostgreSQL
from workspaces.environment import without_password

# Of our own one.
HOST = '127.0.0.1'
# By which programs find it; the password apart, as errors quote addresses.
URL, PASSWORD = 'POSTGRESQL_URL', 'POSTGRESQL_PASSWORD'


class DatabaseServer:
    """Where programs make databases."""

    def __init__(self, address: str, folder: Path) -> None:
        """Take where it is.

        address: the URL of a server, as who may make roles and databases there; empty for one of
            our own.
        folder: of our own one.
        """
        self._address = address
        self._server = PostgreSQL(folder)
        self._kept = Kept(folder, self._server)

    def resume(self) -> None:
        """Serve again what is in our own one from before."""
        if not self._address and self._kept.was_used:
            self._kept.begin()

    def variables(self, pause: Callable[[float], object]) -> dict[str, str]:
        """Return what programs find it by, once it answers where it is our own.

        pause: see Kept.ports.

        Raises ServerError.
        """
        if self._address:
            url, password = without_password(urlsplit(self._address))
            # Where there is none, PostgreSQL's own ways to find one are left to the programs.
            return {URL: url.geturl(), **({} if password is None else {PASSWORD: password})}
        [port] = self._kept.ports(pause)
        return {
            URL: f'postgresql://{USER}@{HOST}:{port}/postgres?sslmode=disable',
            PASSWORD: self._server.password(),
        }

    def wait_for(self, host: str, port: int, pause: Callable[[float], object]) -> None:
        """Return once our own one answers, if this is its address; at once where it is not.

        pause: see Kept.ports.

        Raises ServerError.
        """
        if not self._address and host == HOST and self._kept.was_at(port):
            self._kept.ports(pause)

    def close(self) -> None:
        """End our own one, where this process keeps it."""
        self._kept.close()
