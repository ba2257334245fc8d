"""What is on the server under a name, and whose it is."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

ROLE = """
SELECT oid::bigint, shobj_description(oid, 'pg_authid'), array_remove(ARRAY[
    CASE WHEN rolcanlogin THEN 'LOGIN' END,
    CASE WHEN rolsuper THEN 'SUPERUSER' END,
    CASE WHEN rolcreatedb THEN 'CREATEDB' END,
    CASE WHEN rolcreaterole THEN 'CREATEROLE' END,
    CASE WHEN rolreplication THEN 'REPLICATION' END,
    CASE WHEN rolbypassrls THEN 'BYPASSRLS' END,
    CASE WHEN rolconnlimit <> -1 THEN 'CONNECTION LIMIT ' || rolconnlimit END,
    CASE WHEN rolvaliduntil <> 'infinity' THEN 'VALID UNTIL ' || rolvaliduntil END
], NULL)
FROM pg_roles WHERE rolname = %s
"""
DATABASE = """
SELECT d.oid::bigint, shobj_description(d.oid, 'pg_database'), r.rolname,
    shobj_description(r.oid, 'pg_authid'), d.datconnlimit, d.datallowconn,
    (SELECT coalesce(string_agg(privilege_type, ', ' ORDER BY privilege_type), '')
     FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) WHERE grantee = 0)
FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE d.datname = %s
"""
# What a DROP DATABASE that was cut short leaves: nobody can enter it any more.
BROKEN = -2


@dataclass(frozen=True)
class Found:
    """A user; rights: what it has, in PostgreSQL's words."""

    oid: int
    comment: str | None
    rights: list[str]

    def is_of(self, mark: str, oid: float | None) -> bool:
        """Tell whether it is the one with this mark, or the one that was made with this number."""
        return self.comment == mark or self.oid == oid


@dataclass(frozen=True)
class FoundDatabase:
    """A database; public_rights: what everybody has in it."""

    oid: int
    comment: str | None
    owner: str
    owner_comment: str | None
    connection_limit: int
    is_open: bool
    public_rights: str

    @property
    def is_broken(self) -> bool:
        """Whether it was half removed, so that nothing of it can be used."""
        return self.connection_limit == BROKEN

    def is_of(self, mark: str, oid: float | None) -> bool:
        """Tell the same as of a user; one that is just made has no comment, but its owner has."""
        is_new = self.comment is None and self.owner_comment == mark
        return self.comment == mark or is_new or self.oid == oid


def find_role(connection: 'psycopg.Connection[Any]', name: str) -> Found | None:
    """Return the user of a name; None where there is none."""
    row = connection.execute(ROLE, [name]).fetchone()
    return Found(*row) if row else None


def find_database(connection: 'psycopg.Connection[Any]', name: str) -> FoundDatabase | None:
    """Return the database of a name; None where there is none."""
    row = connection.execute(DATABASE, [name]).fetchone()
    return FoundDatabase(*row) if row else None
