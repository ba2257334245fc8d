"""All servers of a service, by the words that programs have for what they need."""

from __future__ import annotations

from collections.abc import Callable, Collection

from servers.database_server import DatabaseServer
from servers.errors import ServerError
from servers.object_store import ObjectStore
from settings import Settings
from workspaces import environment

OBJECT_STORE, POSTGRESQL, PROCESSES = 'object-store', 'postgresql', 'processes'
# What a program can say that it needs.
NEEDS = (OBJECT_STORE, POSTGRESQL, PROCESSES)


class Servers:
    """What programs need that is no part of Pulumi; for any thread."""

    def __init__(self, settings: Settings) -> None:
        """Start nothing yet."""
        self._settings = settings
        folder = settings.state_dir / 'servers'
        address, website = settings.object_store, settings.object_store_website
        self._object_store = ObjectStore(address, website, folder / OBJECT_STORE)
        self._database_server = DatabaseServer(settings.database_server, folder / POSTGRESQL)
        self._processes = folder / PROCESSES

    def resume(self) -> None:
        """Start what programs of before have used."""
        environment.state_dir(self._settings)
        self._object_store.resume()
        self._database_server.resume()

    def variables(self, needs: Collection[str], pause: Callable[[float], object]) -> dict[str, str]:
        """Return what a program with these needs finds all of it by.

        pause: waits for some seconds while something is not ready; raises what it likes where that
            is of no use any more.

        Raises ServerError.
        """
        found: dict[str, str] = {}
        if OBJECT_STORE in needs:
            self._insist_on_shared(
                self._settings.object_store, 'an object store', 'OBJECT_STORE=https://…'
            )
            found |= self._object_store.variables(pause)
        if POSTGRESQL in needs:
            self._insist_on_shared(
                *(self._settings.database_server, 'a PostgreSQL'),
                'DATABASE_SERVER=postgresql://…',
            )
            found |= self._database_server.variables(pause)
        if PROCESSES in needs:
            found |= self._processes_variables()
        return found

    def wait_for_database(self, host: str, port: int, pause: Callable[[float], object]) -> None:
        """Return once our own PostgreSQL answers, if this is its address; else at once.

        pause: as in `variables`.

        Raises ServerError.
        """
        self._database_server.wait_for(host, port, pause)

    def close(self) -> None:
        """End what runs here."""
        self._object_store.close()
        self._database_server.close()

    def _processes_variables(self) -> dict[str, str]:
        """Return where programs keep what they know of processes that they start."""
        if self._settings.database_url:
            raise ServerError(
                'This program starts processes on one machine. With DATABASE_URL several hosts may '
                'share the stacks, and the others would not find them: use it with a service '
                'that keeps its records itself.'
            )
        self._processes.mkdir(mode=0o700, parents=True, exist_ok=True)
        return {'PROCESSES_FOLDER': str(self._processes.absolute())}

    def _insist_on_shared(self, address: str, what: str, setting: str) -> None:
        if self._settings.database_url and not address:
            raise ServerError(
                f'With DATABASE_URL several hosts may share the stacks, and {what} of this '
                f'machine is none of theirs: name one that all reach, {setting}'
            )
