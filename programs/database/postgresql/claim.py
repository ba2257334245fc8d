"""The mark of what a stack makes on the server, kept before there is anything of it.

Whoever makes a user or a database may be killed before the stack's state says that there is one.
The mark, as its comment, then still tells whose it is: the next update goes on with it, or a
destroy removes it. What somebody else has made under the same name is never touched.
"""

import secrets

from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider

from postgresql.form import Props, current, kept
from postgresql.removal import remove_marked
from postgresql.usable import insist_on_usable
from postgresql.words import DatabaseError


class ClaimProvider(ResourceProvider):
    """Makes marks; see pulumi.dynamic."""

    def create(self, props: Props) -> CreateResult:
        # Where nothing can be made, there is to be nothing that would have to be removed.
        insist_on_usable()
        mark = f'Made by the stack {props["stack"]}, {secrets.token_hex(8)}'
        given = {'database': props['database'], 'stack': props['stack']}
        return CreateResult(mark, kept(**given, mark=mark))

    def diff(self, id_: str, olds: Props, news: Props) -> DiffResult:
        before, after = current(olds)['database'], news['database']
        if before != after:
            raise DatabaseError(
                f'The database {before} cannot be renamed to {after}, as everybody who uses it '
                'knows it by its name. Nothing was changed. Give it its name back; for another '
                'one, make another stack and copy the tables into it.'
            )
        return DiffResult(changes=False)

    def delete(self, id_: str, props: Props) -> None:
        remove_marked(current(props)['mark'])


class Claim(Resource, module='postgresql', name='Claim'):
    """The mark of a stack, and the name of its database, which stays."""

    mark: Output[str]

    def __init__(
        self,
        name: str,
        database: Input[str],
        stack: Input[str],
        opts: ResourceOptions | None = None,
    ) -> None:
        given = {'database': database, 'stack': stack, 'mark': None, 'form': None}
        super().__init__(ClaimProvider(), name, given, opts)
