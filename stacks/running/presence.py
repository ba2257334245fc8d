"""Which services live, as the kernel or the database knows it, not by clocks.

A service that does runs holds a lock as long as it lives. Where the records are in a file, all
services are of this machine, and the lock is a file's; with PostgreSQL it is an advisory lock of a
connection, which the server frees when the connection is gone. A frozen service keeps both.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from stacks.errors import UnavailableError
from stacks.store.database import Database

# The first of the two numbers of our advisory locks; the second is made from the service's name.
LOCK_CLASS = 7_405
# How often in turn a lock has to be seen free: a service may be about to connect again.
LOOKS = 3
# How long the server may hold our own lock for a connection that it has not seen cut, in ms.
LOCK_TIMEOUT = 2_000


class Presence(Protocol):
    """Says that this service lives, and tells which others do not."""

    name: str

    def is_sure(self) -> bool:
        """Tell whether all others still see that this one lives; else try to have them see it."""

    def is_dead(self, name: str) -> bool:
        """Tell whether another service is known to have died; nobody else can take its runs."""

    def close(self) -> None:
        """Be gone."""


def of_this_process(database: Database, state_dir: Path) -> Presence:
    """Return the presence of this process, which begins now.

    Raises UnavailableError when the database does not answer.
    """
    name = f'{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}'
    if database.is_shared:
        return ConnectionPresence(database, name)
    return FilePresence(state_dir / 'services', name)


def host_of(name: str) -> str:
    """Return the host of a service by its name."""
    return name.rsplit('-', 2)[0]


class FilePresence:
    """A locked file for each service."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self._folder = folder
        folder.mkdir(mode=0o700, exist_ok=True)
        with suppress(OSError):
            self._remove_dead()
        self._file = folder / name
        # Nobody ever sees it without its lock, and so takes this service for dead.
        unseen = folder / f'.{name}'
        self._fd = os.open(unseen, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        unseen.rename(self._file)

    def is_sure(self) -> bool:
        return True

    def is_dead(self, name: str) -> bool:
        try:
            fd = os.open(self._folder / name, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            return _can_lock(fd)
        finally:
            os.close(fd)

    def close(self) -> None:
        self._file.unlink(missing_ok=True)
        os.close(self._fd)

    def _remove_dead(self) -> None:
        for file in self._folder.glob('[!.]*'):
            if self.is_dead(file.name):
                file.unlink(missing_ok=True)


def _can_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class ConnectionPresence:
    """An advisory lock of PostgreSQL for each service, on a connection of its own."""

    def __init__(self, database: Database, name: str) -> None:
        """Connect.

        Raises UnavailableError when the database does not answer.
        """
        self.name = name
        self._engine = database.engine
        self._connection: sa.Connection | None = None
        self._free_looks: dict[str, int] = {}
        if not self._can_connect():
            raise UnavailableError('The database does not answer.')

    def is_sure(self) -> bool:
        return self._is_connected() or self._can_connect()

    def is_dead(self, name: str) -> bool:
        # Only who is seen himself may judge others: the database itself may have been away.
        if self._connection is None:
            return False
        try:
            with self._tried(name) as is_free:
                looks = self._free_looks.pop(name, 0) + 1 if is_free else 0
        except sa.exc.SQLAlchemyError:
            self._forget_connection()
            return False
        if 0 < looks < LOOKS:
            self._free_looks[name] = looks
        return looks >= LOOKS

    def close(self) -> None:
        self._forget_connection()

    def _is_connected(self) -> bool:
        if self._connection is None:
            return False
        try:
            self._connection.execute(sa.select(1))
        except sa.exc.SQLAlchemyError:
            self._forget_connection()
        return self._connection is not None

    def _can_connect(self) -> bool:
        """Connect, and tell whether that was possible.

        Done at once, nobody has noticed: a lock has to be seen free several times.
        """
        try:
            self._connect()
        except sa.exc.SQLAlchemyError:
            return False
        return True

    def _connect(self) -> None:
        # Of no pool: it is open as long as this service lives.
        connection = self._engine.execution_options(isolation_level='AUTOCOMMIT').connect()
        connection.detach()
        try:
            connection.execute(sa.text(f'SET lock_timeout = {LOCK_TIMEOUT}'))
            connection.execute(sa.select(sa.func.pg_advisory_lock(LOCK_CLASS, _number(self.name))))
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    @contextmanager
    def _tried(self, name: str) -> Iterator[bool]:
        assert self._connection is not None
        arguments = LOCK_CLASS, _number(name)
        query = sa.select(sa.func.pg_try_advisory_lock(*arguments))
        is_free = bool(self._connection.execute(query).scalar_one())
        try:
            yield is_free
        finally:
            if is_free:
                self._connection.execute(sa.select(sa.func.pg_advisory_unlock(*arguments)))

    def _forget_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sa.exc.SQLAlchemyError):
                connection.close()


def _number(name: str) -> int:
    """Return the number of a name among advisory locks, a signed one of 32 bits."""
    return zlib.crc32(name.encode()) - 2**31
