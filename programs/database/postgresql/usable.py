"""Whether a server can be used at all."""

from postgresql.client import connected
from postgresql.words import BY_CODE, DatabaseError, in_words

# From here on who makes a role may also act as that one, without being a superuser.
OLDEST = 16
MAY = """
SELECT current_setting('server_version_num')::int / 10000,
    rolsuper OR (rolcreatedb AND rolcreaterole) FROM pg_roles WHERE rolname = current_user
"""


def insist_on_usable() -> None:
    """Raise DatabaseError where databases cannot be made: no server, another one, or no rights."""
    with in_words('Nothing can be made'), connected() as connection:
        row = connection.execute(MAY).fetchone()
    version, may = row or (0, False)
    if version < OLDEST:
        raise DatabaseError(
            f'The database server is PostgreSQL {version}, and {OLDEST} or newer is needed. '
            'Tell the operator.'
        )
    if not may:
        raise DatabaseError(f'Nothing can be made: {BY_CODE["42501"]}')
