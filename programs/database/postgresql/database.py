"""A database, which nobody but its owner may enter."""

from typing import TYPE_CHECKING, Any

from pulumi import Input, Output, ResourceOptions
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
from postgresql.found import FoundDatabase, find_database, find_role
from postgresql.protection import WAY_OUT
from postgresql.removal import insist_on_empty, remove_database
from postgresql.words import DatabaseError, in_words

if TYPE_CHECKING:
    import psycopg

COMPARED = ('owner', 'connection_limit', 'is_protected')


class DatabaseProvider(ResourceProvider):
    """Makes databases; see pulumi.dynamic."""

    def create(self, props: Props) -> CreateResult:
        return CreateResult(props['name'], _put(props, props['mark'], None, ''))

    def read(self, id_: str, props: Props) -> ReadResult:
        props = current(props)
        with in_words(f'The database {id_} cannot be looked at'), connected() as connection:
            found = find_database(connection, id_)
        if found is None or not found.is_of(props['mark'], props['oid']):
            return ReadResult('', {})
        return ReadResult(id_, {**props, **_seen(found)})

    def diff(self, id_: str, olds: Props, news: Props) -> DiffResult:
        olds = current(olds)
        is_other = olds['name'] != news['name']
        is_changed = any(olds[each] != news[each] for each in COMPARED)
        is_open_to_all = bool(olds['public_rights']) or not olds['is_open']
        return DiffResult(
            changes=is_other or is_changed or is_open_to_all, replaces=['name'] if is_other else []
        )

    def update(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        olds = current(olds)
        return UpdateResult(_put(news, olds['mark'], olds['oid'], olds['owner']))

    def delete(self, id_: str, props: Props) -> None:
        props = current(props)
        if props['is_protected']:
            insist_on_empty(id_, props['mark'], props['oid'], WAY_OUT)
        remove_database(id_, props['mark'], props['oid'])


class Database(Resource, module='postgresql', name='Database'):
    """A database of this name.

    mark: whose it is. owner: a user. is_protected: whether it is kept while it has tables.
    """

    name: Output[str]

    def __init__(
        self,
        name: str,
        database: Input[str],
        mark: Input[str],
        *,
        owner: Input[str],
        connection_limit: Input[int],
        is_protected: Input[bool],
        opts: ResourceOptions | None = None,
    ) -> None:
        given = {'name': database, 'mark': mark, 'owner': owner}
        settings = {'connection_limit': connection_limit, 'is_protected': is_protected}
        made = {'public_rights': None, 'is_open': None, 'oid': None, 'form': None}
        super().__init__(DatabaseProvider(), name, {**given, **settings, **made}, opts)


def _put(props: Props, mark: str, oid: int | None, owner_before: str) -> Props:
    """Have the database be there as it should be."""
    name = props['name']
    with in_words(f'The database {name} cannot be made'), gate(mark) as connection:
        found = find_database(connection, name)
        if found and not found.is_of(mark, oid):
            raise DatabaseError(
                f'There is a database {name} on the server already, which this stack has not made. '
                'Choose another name.'
            )
        if found is None:
            _make(connection, name, props['owner'])
        _set(connection, props, mark)
        if owner_before and owner_before != props['owner']:
            _hand_over(connection, name, mark, owner_before, props['owner'])
        made = find_database(connection, name)
        assert made
    given = {'name': name, 'mark': mark, 'is_protected': props['is_protected']}
    return kept(**given, oid=made.oid, **_seen(made))


def _make(connection: 'psycopg.Connection[Any]', name: str, owner: str) -> None:
    from psycopg import sql

    connection.execute(
        sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'").format(
            sql.Identifier(name), sql.Identifier(owner)
        )
    )


def _set(connection: 'psycopg.Connection[Any]', props: Props, mark: str) -> None:
    from psycopg import sql

    limit = sql.Literal(int(props['connection_limit']))
    for command in (
        sql.SQL('COMMENT ON DATABASE {0} IS {mark}'),
        sql.SQL('ALTER DATABASE {0} OWNER TO {owner}'),
        sql.SQL('ALTER DATABASE {0} ALLOW_CONNECTIONS true CONNECTION LIMIT {limit}'),
        sql.SQL('REVOKE ALL ON DATABASE {0} FROM PUBLIC'),
    ):
        connection.execute(
            command.format(
                sql.Identifier(props['name']),
                mark=sql.Literal(mark),
                owner=sql.Identifier(props['owner']),
                limit=limit,
            )
        )


def _hand_over(
    connection: 'psycopg.Connection[Any]', database: str, mark: str, before: str, after: str
) -> None:
    """Have what the owner before has made in it be the new one's; of others nothing is taken."""
    from psycopg import sql

    role = find_role(connection, before)
    if role and role.comment == mark:
        with connected(database) as there:
            there.execute(
                sql.SQL('REASSIGN OWNED BY {} TO {}').format(
                    sql.Identifier(before), sql.Identifier(after)
                )
            )


def _seen(found: FoundDatabase) -> Props:
    return {
        'owner': found.owner,
        'connection_limit': found.connection_limit,
        'is_open': found.is_open,
        'public_rights': found.public_rights,
    }
