"""Connections to PostgreSQL, as a source and as the target."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from migrations.places import Place
from migrations.streams import OUTPUT, Connection

# Until a dead server is noticed.
NETWORK: dict[str, Any] = {
    'connect_timeout': 10,
    'keepalives_idle': 5,
    'keepalives_interval': 2,
    'keepalives_count': 3,
}


def connect(place: Place, **settings: str) -> Connection:
    """Return a connection that is in no transaction, and writes values in one way.

    Raises psycopg.Error.
    """
    connection = psycopg.connect(
        host=place.host,
        port=place.port,
        dbname=place.database,
        user=place.user,
        password=place.password or None,
        application_name='migrations',
        autocommit=True,
        **NETWORK,
        **_options(place),
    )
    try:
        for name, value in (OUTPUT | settings).items():
            found = sql.SQL('SET {} = {}').format(sql.Identifier(name), sql.Literal(value))
            connection.execute(found)
    except BaseException:
        connection.close()
        raise
    # Statements are made from names that differ each time.
    connection.prepare_threshold = None
    return connection


def _options(place: Place) -> dict[str, Any]:
    return dict(place.options)


def major(connection: Connection) -> int:
    """Return the major version of the server."""
    return connection.info.server_version // 10_000
