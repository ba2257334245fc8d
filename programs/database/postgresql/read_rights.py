"""What lets a user read all that the owner of a database has made there, and will make."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pulumi import Input, ResourceOptions
from pulumi.dynamic import (
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from postgresql.client import connected, gate
from postgresql.form import Props, current, kept
from postgresql.found import find_database, find_role
from postgresql.words import in_words

if TYPE_CHECKING:
    import psycopg

# What there is, by how it is granted; of what will be, the same kinds.
OWNED = """
SELECT 'SCHEMA', 'USAGE', quote_ident(nspname) FROM pg_namespace
WHERE nspowner = %(owner)s::regrole AND NOT has_schema_privilege(%(reader)s, oid, 'USAGE')
UNION ALL
SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, 'SELECT', oid::regclass::text
FROM pg_class
WHERE relowner = %(owner)s::regrole AND CASE relkind
    WHEN 'S' THEN NOT has_sequence_privilege(%(reader)s, oid, 'SELECT')
    ELSE relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT has_table_privilege(%(reader)s, oid, 'SELECT')
END
"""
FUTURE = {'TABLES': 'SELECT', 'SEQUENCES': 'SELECT', 'SCHEMAS': 'USAGE'}
KNOWN = """
SELECT count(*) FROM pg_default_acl d, aclexplode(d.defaclacl) a
WHERE d.defaclrole = %(owner)s::regrole AND d.defaclnamespace = 0
    AND a.grantee = %(reader)s::regrole AND d.defaclobjtype IN ('r', 'S', 'n')
"""


class ReadRightsProvider(ResourceProvider):
    """Grants them; see pulumi.dynamic."""

    def create(self, props: Props) -> CreateResult:
        return CreateResult(f'{props["database"]}/{props["reader"]}', _put(props))

    def read(self, id_: str, props: Props) -> ReadResult:
        props = current(props)
        database, owner, reader = (props[each] for each in ('database', 'owner', 'reader'))
        with in_words(f'What {reader} may read cannot be looked at'):
            with connected() as connection:
                found = find_database(connection, database)
                users = [find_role(connection, each) for each in (owner, reader)]
            if found is None or found.is_broken or not all(users):
                return ReadResult('', {})
            with connected(database) as there:
                missing = ', '.join(_missing(there, database, owner, reader))
        return ReadResult(id_, {**props, 'missing': missing})

    def diff(self, id_: str, olds: Props, news: Props) -> DiffResult:
        olds = current(olds)
        replaces = [each for each in ('database', 'reader') if olds[each] != news[each]]
        is_changed = olds['owner'] != news['owner'] or bool(olds['missing'])
        return DiffResult(changes=bool(replaces) or is_changed, replaces=replaces)

    def update(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        return UpdateResult(_put(news))

    def delete(self, id_: str, props: Props) -> None:
        _take_away(current(props))


class ReadRights(Resource, module='postgresql', name='ReadRights'):
    """A reader's rights in a database, on what its owner makes."""

    def __init__(
        self,
        name: str,
        database: Input[str],
        mark: Input[str],
        *,
        owner: Input[str],
        reader: Input[str],
        opts: ResourceOptions | None = None,
    ) -> None:
        given = {'database': database, 'mark': mark, 'owner': owner, 'reader': reader}
        super().__init__(ReadRightsProvider(), name, {**given, 'missing': None, 'form': None}, opts)


def _put(props: Props) -> Props:
    from psycopg import sql

    database, owner, reader = (props[each] for each in ('database', 'owner', 'reader'))
    who = sql.Identifier(reader)
    with in_words(f'{reader} cannot be let read {database}'), _as_owner(props) as there:
        there.execute(
            sql.SQL('GRANT CONNECT ON DATABASE {} TO {}').format(sql.Identifier(database), who)
        )
        for kind, right in FUTURE.items():
            there.execute(
                sql.SQL('ALTER DEFAULT PRIVILEGES GRANT {} ON {} TO {}').format(
                    sql.SQL(right), sql.SQL(kind), who
                )
            )
        for kind, right, name in _not_granted(there, owner, reader):
            # Names come quoted from the server.
            there.execute(
                sql.SQL('GRANT {} ON {} {} TO {}').format(*map(sql.SQL, (right, kind, name)), who)
            )
    given = {each: props[each] for each in ('database', 'mark', 'owner', 'reader')}
    return kept(**given, missing='')


def _take_away(props: Props) -> None:
    """Take the rights away; where database or users are gone, they are as well."""
    from psycopg import sql

    database, mark, reader = (props[each] for each in ('database', 'mark', 'reader'))
    with in_words(f'What {reader} may read cannot be taken away'), gate(mark) as connection:
        found = find_database(connection, database)
        role = find_role(connection, reader)
        if not found or not role or found.is_broken or not found.is_of(mark, None):
            return
        with connected(database) as there:
            there.execute(sql.SQL('DROP OWNED BY {}').format(sql.Identifier(reader)))


@contextmanager
def _as_owner(props: Props) -> Iterator['psycopg.Connection[Any]']:
    """Be in the database as its owner, whose rights are given on, all of them or none."""
    from psycopg import sql

    with gate(props['mark']), connected(props['database']) as there, there.transaction():
        there.execute(sql.SQL('SET LOCAL ROLE {}').format(sql.Identifier(props['owner'])))
        yield there


def _not_granted(
    there: 'psycopg.Connection[Any]', owner: str, reader: str
) -> list[tuple[str, str, str]]:
    return there.execute(OWNED, {'owner': owner, 'reader': reader}).fetchall()


def _missing(
    there: 'psycopg.Connection[Any]', database: str, owner: str, reader: str
) -> Iterator[str]:
    right = there.execute(
        "SELECT has_database_privilege(%s, %s, 'CONNECT')", [reader, database]
    ).fetchone()
    if right and not right[0]:
        yield 'CONNECT'
    known = there.execute(KNOWN, {'owner': owner, 'reader': reader}).fetchone()
    if known and known[0] < len(FUTURE):
        yield 'what will be made'
    yield from (name for _, _, name in _not_granted(there, owner, reader))
