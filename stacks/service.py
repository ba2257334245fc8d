"""The platform of this process: comes up beside the service, and ends with it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

import sqlalchemy as sa

from servers.servers import Servers
from settings import Settings
from stacks.catalogue import Catalogue
from stacks.errors import UnavailableError
from stacks.migrating.migrator import Migrator
from stacks.operation.engines import Engines
from stacks.operation.operator import Operator
from stacks.platform import Platform, Records
from stacks.running import presence
from stacks.running.dispatcher import Dispatcher
from stacks.running.housekeeping import Housekeeping
from stacks.running.keeper import Keeper
from stacks.running.presence import Presence
from stacks.running.waiting import Bell
from stacks.store import database
from stacks.store.database import Database, DatabaseError, VersionError
from stacks.store.tables import vaults
from stacks.vault import Vault, WrongPassphraseError
from workspaces import environment

logger = logging.getLogger(__name__)

# Seconds between two attempts to open what is not there yet.
RETRY = 3.0
NOT_OPEN = (
    'The database cannot be used: it does not run, it is not where DATABASE_URL says, or its file '
    'is damaged.'
)
# What may be in the way, and what everybody may know of it; the log has what it says itself. It is
# tried again, as another host may just be making the same.
OBSTACLES: dict[type[Exception], str] = {
    WrongPassphraseError: 'The stored secrets were encrypted with another passphrase: set the one '
    'that was in force when the database was made.',
    VersionError: 'The database is of another version of this service: start that version, or '
    'restore the database as it was before.',
    DatabaseError: NOT_OPEN,
    UnavailableError: NOT_OPEN,
    sa.exc.SQLAlchemyError: NOT_OPEN,
    OSError: 'STATE_DIR or the file of the passphrase cannot be used: see to their rights, and to '
    'room on the disk.',
}
COMING_UP = 'The platform is coming up.'


class Companion(Protocol):
    """What goes on beside the runs."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End, once nothing runs any more."""


Beside = Callable[[Records, Presence, Bell], Companion]


class Service:
    """Opens the records, and has runs done, in threads of its own."""

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        """Do nothing yet; whoever asks the platform for something is told to wait."""
        self._settings = settings
        self._catalogue = catalogue
        self._beside: list[Beside] = []
        self.bell = Bell()
        self._records: Records | None = None
        self._obstacle = COMING_UP
        self._dispatcher: Dispatcher | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name='platform', daemon=True)
        self._servers = Servers(settings)
        self.platform = Platform(settings, catalogue, self.opened, self.bell, self._ending.is_set)

    def accompany(self, make: Beside) -> None:
        """Have what is made of the open records go on beside the runs; before the start."""
        self._beside.append(make)

    def start(self) -> None:
        """Begin to come up."""
        self._thread.start()

    def drain(self) -> None:
        """Begin no further run; for signal handlers."""
        self._ending.set()
        if self._dispatcher is not None:
            self._dispatcher.drain()

    def close(self) -> None:
        """Finish or put off what runs, and end."""
        self.drain()
        if self._thread.ident is not None:
            self._thread.join()

    def obstacle(self) -> str | None:
        """Return why it does not serve, in words for everybody; None from when it does."""
        return None if self._records else self._obstacle

    def opened(self) -> Records:
        """Return the records.

        Raises UnavailableError as long as they are not open.
        """
        if self._records is None:
            raise UnavailableError(self._obstacle)
        return self._records

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                records, here = self._open()
            except tuple(OBSTACLES) as error:
                logger.error('the platform cannot come up: %s', error)
                self._obstacle = _in_words(error)
                self._ending.wait(RETRY)
            else:
                self._serve(records, here)

    def _open(self) -> tuple[Records, Presence]:
        # Of the owner alone, as all that is in it.
        state_dir = environment.state_dir(self._settings)
        opened = database.connect(self._settings.database_url, state_dir)
        try:
            vault = _vault(opened, environment.passphrase(self._settings))
            Engines(self._settings).end_leftovers()
            return Records(opened, vault), presence.of_this_process(opened, state_dir)
        except BaseException:
            opened.close()
            raise

    def _serve(self, records: Records, here: Presence) -> None:
        """Have runs done until the service ends."""
        operator = Operator(self._settings, self._catalogue, records.vault, self._servers)
        dispatcher = Dispatcher(
            self._settings,
            records.database,
            here,
            operator,
            self.bell,
            migrator=Migrator(self._settings, records.vault, self._servers),
        )
        housekeeping = Housekeeping(self._settings, records.database, operator.snapshots)
        keeper = Keeper(records.database, here, dispatcher, housekeeping, self.bell)
        self._dispatcher = dispatcher
        self._records = records
        self._servers.resume()
        companions = [make(records, here, self.bell) for make in self._beside]
        dispatcher.start()
        keeper.start()
        for companion in companions:
            companion.start()
        self._ending.wait()
        dispatcher.drain()
        dispatcher.join()
        self._servers.close()
        for companion in companions:
            companion.stop()
        keeper.stop()
        here.close()
        records.database.close()


def _in_words(error: Exception) -> str:
    words = next(words for kind, words in OBSTACLES.items() if isinstance(error, kind))
    return f'The platform cannot come up. {words} The log of the service says more.'


def _vault(opened: Database, passphrase: str) -> Vault:
    """Return the vault of a database, which is made with it.

    Raises WrongPassphraseError.
    """
    with opened.writing() as connection:
        salt = connection.execute(sa.select(vaults.c.salt)).scalar_one_or_none()
        if salt is None:
            salt = Vault.new_salt(passphrase)
            connection.execute(vaults.insert().values(id=1, salt=salt))
    return Vault(passphrase, salt)
