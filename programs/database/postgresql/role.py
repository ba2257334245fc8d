"""A user of the server, who can log in and has no rights beside those that are given to it."""

from collections.abc import Iterator
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

from postgresql.client import connected, gate, is_password
from postgresql.form import Props, current, kept
from postgresql.found import Found, find_role
from postgresql.removal import remove_role
from postgresql.words import DatabaseError, in_words

if TYPE_CHECKING:
    import psycopg

WANTED = 'LOGIN'


class RoleProvider(ResourceProvider):
    """Makes users; see pulumi.dynamic."""

    def create(self, props: Props) -> CreateResult:
        return CreateResult(props['name'], _put(props, props['mark'], None))

    def read(self, id_: str, props: Props) -> ReadResult:
        props = current(props)
        with in_words(f'The user {id_} cannot be looked at'), connected() as connection:
            found = find_role(connection, id_)
            if found is None or not found.is_of(props['mark'], props['oid']):
                return ReadResult('', {})
        # Nobody but a superuser sees what it has; whether it is the right one can be tried.
        password = props['password'] if is_password(id_, props['password']) else ''
        return ReadResult(id_, {**props, 'rights': _rights(found), 'password': password})

    def diff(self, id_: str, olds: Props, news: Props) -> DiffResult:
        olds = current(olds)
        is_other = olds['name'] != news['name']
        is_changed = (olds['password'], olds['rights']) != (news['password'], WANTED)
        return DiffResult(
            changes=is_other or is_changed,
            replaces=['name'] if is_other else [],
            # What the old one has must go to the new one before it is removed.
            delete_before_replace=False,
        )

    def update(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        olds = current(olds)
        return UpdateResult(_put(news, olds['mark'], olds['oid']))

    def delete(self, id_: str, props: Props) -> None:
        props = current(props)
        remove_role(id_, props['mark'], props['oid'])


class Role(Resource, module='postgresql', name='Role'):
    """A user of this name.

    mark: whose it is. password: a secret.
    """

    name: Output[str]

    def __init__(
        self,
        name: str,
        user: Input[str],
        mark: Input[str],
        password: Input[str],
        opts: ResourceOptions | None = None,
    ) -> None:
        secret = ResourceOptions(additional_secret_outputs=['password'])
        given = {'name': user, 'mark': mark, 'password': Output.secret(password)}
        made = {'rights': None, 'oid': None, 'form': None}
        options = ResourceOptions.merge(opts, secret)
        super().__init__(RoleProvider(), name, {**given, **made}, options)


def _put(props: Props, mark: str, oid: int | None) -> Props:
    """Have the user be there as it should be."""
    name = props['name']
    with in_words(f'The user {name} cannot be made'), gate(mark) as connection:
        found = find_role(connection, name)
        if found and not found.is_of(mark, oid):
            raise DatabaseError(
                f'There is a user {name} on the server already, which this stack has not made. '
                'Choose another name.'
            )
        with connection.transaction():
            _make(connection, name, mark, found)
            _set(connection, name, props['password'], found)
        made = find_role(connection, name)
        assert made
    given = {'name': name, 'mark': mark, 'password': props['password']}
    return kept(**given, rights=_rights(made), oid=made.oid)


def _make(connection: 'psycopg.Connection[Any]', name: str, mark: str, found: Found | None) -> None:
    from psycopg import sql

    role = sql.Identifier(name)
    if found is None:
        connection.execute(sql.SQL('CREATE ROLE {}').format(role))
        if connection.info.parameter_status('is_superuser') != 'on':
            # It must be able to act as the one whose database it makes.
            connection.execute(
                sql.SQL('GRANT {} TO CURRENT_USER WITH SET TRUE, INHERIT TRUE').format(role)
            )
    connection.execute(sql.SQL('COMMENT ON ROLE {} IS {}').format(role, sql.Literal(mark)))


def _set(
    connection: 'psycopg.Connection[Any]', name: str, password: str, found: Found | None
) -> None:
    """Set what the user can do and its password, of which the server gets a verifier alone."""
    from psycopg import sql

    method = b'scram-sha-256'
    verifier = connection.pgconn.encrypt_password(password.encode(), name.encode(), method)
    options = sql.SQL(' ').join(map(sql.SQL, ['LOGIN', *_corrections(found)]))
    connection.execute(
        sql.SQL('ALTER ROLE {} {} PASSWORD {}').format(
            sql.Identifier(name), options, sql.Literal(verifier.decode())
        )
    )


def _corrections(found: Found | None) -> Iterator[str]:
    """Yield what takes away what somebody else has given; else that needs further rights."""
    for right in found.rights if found else ():
        if right != 'LOGIN':
            yield CORRECTIONS.get(right.partition(' ')[0], f'NO{right}')


CORRECTIONS = {'CONNECTION': 'CONNECTION LIMIT -1', 'VALID': "VALID UNTIL 'infinity'"}


def _rights(found: Found) -> str:
    return ', '.join(found.rights)
