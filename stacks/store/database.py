"""The database of the platform: one SQLite file, or a PostgreSQL that many hosts share."""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from stacks.errors import UnavailableError
from stacks.store import schema

logger = logging.getLogger(__name__)

FILE = 'platform.db'
# Seconds that a writer waits for another one of the same file.
BUSY_TIMEOUT = 30.0
# Seconds for a connection to be made, and until a dead server is noticed.
POSTGRES = {
    'connect_timeout': 5,
    'keepalives_idle': 5,
    'keepalives_interval': 2,
    'keepalives_count': 3,
    'tcp_user_timeout': 10_000,
}
# The same for the server, which frees the locks of a host that vanished without a word.
POSTGRES_SERVER = {
    'tcp_keepalives_idle': '5',
    'tcp_keepalives_interval': '2',
    'tcp_keepalives_count': '3',
    'tcp_user_timeout': '10000',
}
# A number of our own among PostgreSQL's advisory locks: who changes the schema.
SCHEMA_LOCK = 7_405_001
# Connections that may be open at once; more threads wait for one.
CONNECTIONS = 10


class DatabaseError(Exception):
    """The database cannot be used; the message says why and what to do."""


class VersionError(DatabaseError):
    """Its tables are those of a version of this service that this one does not know."""


class Database:
    """Transactions, of those who read and of those who write."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        # How often it was found to be away.
        self.absences = 0

    @property
    def is_shared(self) -> bool:
        """Whether services of other hosts may use it too."""
        return self.engine.dialect.name != 'sqlite'

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Do the body in a transaction that changes nothing.

        Raises UnavailableError when the database does not answer.
        """
        with self._translated(), self.engine.connect() as connection:
            yield connection.execution_options(reading=True)

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Do the body in a transaction: all of it lasts, or nothing.

        Raises UnavailableError when the database does not answer.
        """
        with self._translated(), self.engine.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.TimeoutError as error:
            logger.warning('no connection to the database is free')
            raise UnavailableError('The database does not answer.') from error
        except sa.exc.DBAPIError as error:
            is_away = isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError)
            if not (is_away or error.connection_invalidated):
                raise
            self.absences += 1
            # Callers get to know no more; the service's log has the cause.
            logger.warning('the database does not answer: %s', _reason(error))
            raise UnavailableError('The database does not answer.') from error


def connect(url: str, state_dir: Path) -> Database:
    """Return the database, whose tables are those of this version.

    url: `postgresql://…`; a file in the state folder when empty.

    Raises DatabaseError.
    """
    try:
        engine = _postgres(url) if url else _sqlite(state_dir / FILE)
        with _only_migrator(engine, state_dir) as connection:
            if not schema.is_current(connection):
                schema.upgrade(connection)
    except schema.UnknownVersionError as error:
        raise VersionError(f'The database is of another version of this service: {error}') from None
    except sa.exc.SQLAlchemyError as error:
        raise DatabaseError(f'The database cannot be used: {_reason(error)}') from error
    return Database(engine)


def _postgres(url: str) -> sa.Engine:
    parsed = sa.make_url(url).set(drivername='postgresql+psycopg')
    options = ' '.join(f'-c {name}={value}' for name, value in POSTGRES_SERVER.items())
    given = parsed.query.get('options', '')
    return sa.create_engine(
        parsed,
        pool_size=CONNECTIONS,
        max_overflow=0,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={**POSTGRES, 'options': f'{options} {given}'.strip()},
    )


def _sqlite(file: Path) -> sa.Engine:
    engine = sa.create_engine(
        f'sqlite:///{file}',
        pool_size=CONNECTIONS,
        max_overflow=0,
        hide_parameters=True,
        connect_args={'timeout': BUSY_TIMEOUT},
    )
    sa.event.listen(engine, 'connect', _set_up_sqlite)
    sa.event.listen(engine, 'begin', _begin)
    return engine


def _set_up_sqlite(connection: Any, _: object) -> None:
    # We begin transactions ourselves: the driver would do so only with the first change.
    connection.isolation_level = None
    # Readers and a writer side by side; a commit survives the process, not always the machine.
    for pragma in ('journal_mode = WAL', 'synchronous = NORMAL', 'foreign_keys = ON'):
        connection.execute(f'PRAGMA {pragma}')


def _begin(connection: sa.Connection) -> None:
    # One that first reads and then writes would fail where another wrote in between.
    is_reading = connection.get_execution_options().get('reading')
    connection.exec_driver_sql('BEGIN' if is_reading else 'BEGIN IMMEDIATE')


@contextmanager
def _only_migrator(engine: sa.Engine, state_dir: Path) -> Iterator[sa.Connection]:
    """Be the only one who changes the schema in the body, of all processes and hosts."""
    if engine.dialect.name == 'sqlite':
        with (state_dir / f'{FILE}.lock').open('w') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with engine.begin() as connection:
                yield connection
    else:
        with engine.begin() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(SCHEMA_LOCK)))
            yield connection


def _reason(error: Exception) -> str:
    return str(getattr(error, 'orig', None) or error).partition('\n')[0]
