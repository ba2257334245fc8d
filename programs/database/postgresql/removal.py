"""Removing what a stack has made: all of it, and nothing else."""

from typing import TYPE_CHECKING, Any

from postgresql.client import connected, gate
from postgresql.found import find_database, find_role
from postgresql.words import DatabaseError, in_words

if TYPE_CHECKING:
    import psycopg

# How many tables an error names.
NAMED = 5
TABLES = """
SELECT format('%I.%I', n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm', 'f')
    AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
ORDER BY 1
"""
# The databases in which a user owns something or may do something; NULL is the server itself.
PLACES = """
SELECT DISTINCT d.datname FROM pg_shdepend s JOIN pg_database d ON d.oid = s.dbid
WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = %s AND d.datallowconn
"""
MARKED_DATABASES = """
SELECT d.datname FROM pg_database d WHERE shobj_description(d.oid, 'pg_database') = %(mark)s
    OR shobj_description(d.oid, 'pg_database') IS NULL
        AND shobj_description(d.datdba, 'pg_authid') = %(mark)s
"""
MARKED_ROLES = """
SELECT rolname, shobj_description(oid, 'pg_authid') FROM pg_roles
WHERE starts_with(shobj_description(oid, 'pg_authid'), %s)
"""


def insist_on_empty(database: str, mark: str, oid: float | None, way_out: str) -> None:
    """Raise DatabaseError when a stack's database has tables; one that is gone has none."""
    with in_words(f'Whether the database {database} has tables cannot be told'):
        with connected() as connection:
            found = find_database(connection, database)
        if found is None or not found.is_of(mark, oid) or found.is_broken:
            return
        with connected(database) as connection:
            tables = [row[0] for row in connection.execute(TABLES)]
    if tables:
        names = ', '.join(tables[:NAMED]) + (' …' if len(tables) > NAMED else '')
        what = 'a table' if len(tables) == 1 else f'{len(tables)} tables'
        raise DatabaseError(
            f'The database {database} has {what} ({names}), and is kept with all of them. {way_out}'
        )


def remove_database(database: str, mark: str, oid: float | None) -> None:
    """Remove a stack's database, whoever is connected to it; one that is gone already is none."""
    from psycopg import sql

    with in_words(f'The database {database} cannot be removed'), gate(mark) as connection:
        found = find_database(connection, database)
        if found and found.is_of(mark, oid):
            connection.execute(
                sql.SQL('DROP DATABASE {} WITH (FORCE)').format(sql.Identifier(database))
            )


def remove_role(role: str, mark: str, oid: float | None) -> None:
    """Remove a stack's user with its rights everywhere; one that is gone already is none.

    What it has made in databases of others stays there, and is this service's user's from then on.
    """
    with in_words(f'The user {role} cannot be removed'), gate(mark) as connection:
        found = find_role(connection, role)
        if found and found.is_of(mark, oid):
            _remove_role(connection, role, found.oid)


def remove_marked(mark: str) -> None:
    """Remove what has a stack's mark, though its state does not have it.

    Raises DatabaseError where that is a database with tables, as nobody has asked for that.
    """
    # Behind the gate: a command of somebody who was killed may still make one.
    with in_words('What the stack has made cannot be removed'), gate(mark) as connection:
        databases = [row[0] for row in connection.execute(MARKED_DATABASES, {'mark': mark})]
    for database in databases:
        insist_on_empty(
            *(database, mark, None),
            'The stack does not know it under this name. Remove it by hand, or its tables.',
        )
        remove_database(database, mark, None)
    with in_words('What the stack has made cannot be removed'), gate(mark) as connection:
        roles = connection.execute(MARKED_ROLES, [mark]).fetchall()
    for role, own_mark in roles:
        remove_role(role, own_mark, None)


def _remove_role(connection: 'psycopg.Connection[Any]', role: str, oid: int) -> None:
    from psycopg import sql

    name = sql.Identifier(role)
    places = [row[0] for row in connection.execute(PLACES, [oid])]
    # Rights on the server itself, as on databases, count wherever one is.
    for place in places or ['']:
        with connected(place) as there, there.transaction():
            there.execute(sql.SQL('REASSIGN OWNED BY {} TO CURRENT_USER').format(name))
            there.execute(sql.SQL('DROP OWNED BY {}').format(name))
    if left := [row[0] for row in connection.execute(PLACES, [oid])]:
        raise DatabaseError(
            f'The user {role} still has rights that others have given to it, and they alone can '
            f'take them away: DROP OWNED BY {role}, as a superuser, in the database '
            f'{", ".join(left)}. Then destroy the stack again.'
        )
    connection.execute(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s', [role]
    )
    connection.execute(sql.SQL('DROP ROLE {}').format(name))
