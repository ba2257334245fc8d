"""Connections to the server.

Where it is and as whom to be there comes from the environment when something is done, never from
the stack's state: POSTGRESQL_URL and POSTGRESQL_PASSWORD.
"""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from postgresql.words import is_passing

if TYPE_CHECKING:
    import psycopg

# Seconds to connect in, and in which a server that is just being started is waited for.
CONNECT, PATIENCE = 5, 8.0
PAUSE = 0.2
# For a lock that somebody else has.
LOCKED = '30s'


@contextmanager
def connected(database: str = '') -> Iterator['psycopg.Connection[Any]']:
    """Be connected as the one who may make databases; each command counts by itself.

    database: another one than that of the URL.
    """
    with _open(database) as connection:
        connection.execute(f"SET lock_timeout = '{LOCKED}'")
        yield connection


@contextmanager
def gate(mark: str) -> Iterator['psycopg.Connection[Any]']:
    """Be connected, as the only one who changes what has a mark.

    Whoever is killed leaves a command that the server still does; this waits for its end.
    """
    with connected() as connection:
        key = int.from_bytes(hashlib.sha256(mark.encode()).digest()[:8], signed=True)
        connection.execute('SELECT pg_advisory_lock(%s)', [key])
        yield connection


def is_password(user: str, password: str) -> bool:
    """Tell whether the server would let a user in; what else is in the way does not count."""
    import psycopg

    try:
        _connect('', user=user, password=password).close()
    except psycopg.OperationalError as error:
        return 'password authentication failed' not in str(error)
    return True


def _open(database: str) -> 'psycopg.Connection[Any]':
    import psycopg

    ends_at = time.monotonic() + PATIENCE
    while True:
        try:
            return _connect(database)
        except psycopg.OperationalError as error:
            if not is_passing(error) or time.monotonic() > ends_at:
                raise
        time.sleep(PAUSE)


def _connect(database: str, **who: str) -> 'psycopg.Connection[Any]':
    # Only who uses it waits for its import.
    import psycopg

    given = dict(who)
    if 'POSTGRESQL_PASSWORD' in os.environ:
        given.setdefault('password', os.environ['POSTGRESQL_PASSWORD'])
    if database:
        given['dbname'] = database
    return psycopg.connect(
        os.environ['POSTGRESQL_URL'],
        autocommit=True,
        connect_timeout=CONNECT,
        application_name='database program',
        **given,
    )
