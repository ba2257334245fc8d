"""All servers of a service, by the words that programs have for what they need."""

from __future__ import annotations

from collections.abc import Callable, Collection

from servers.errors import ServerError
from servers.object_store import ObjectStore
from settings import Settings
from workspaces import environment

OBJECT_STORE = 'object-store'
# What a program can say that it needs.
NEEDS = (OBJECT_STORE,)


class Servers:
    """What programs need that is no part of Pulumi; for any thread."""

    def __init__(self, settings: Settings) -> None:
        """Start nothing yet."""
        self._settings = settings
        folder = settings.state_dir / 'servers' / OBJECT_STORE
        address, website = settings.object_store, settings.object_store_website
        self._object_store = ObjectStore(address, website, folder)

    def resume(self) -> None:
        """Start what programs of before have used."""
        environment.state_dir(self._settings)
        self._object_store.resume()

    def variables(self, needs: Collection[str], pause: Callable[[float], object]) -> dict[str, str]:
        """Return what a program with these needs finds all of it by.

        pause: waits for some seconds while something is not ready; raises what it likes where that
            is of no use any more.

        Raises ServerError.
        """
        if OBJECT_STORE not in needs:
            return {}
        if self._settings.database_url and not self._settings.object_store:
            raise ServerError(
                'With DATABASE_URL several hosts may share the stacks, and an object store of this '
                'machine is none of theirs: name one that all reach, OBJECT_STORE=https://…'
            )
        return self._object_store.variables(pause)

    def close(self) -> None:
        """End what runs here."""
        self._object_store.close()
