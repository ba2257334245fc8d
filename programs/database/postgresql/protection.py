"""Keeps a stack from being destroyed while its database has tables.

It comes last and goes first: where it stays, nothing else of the stack has gone yet.
"""

from pulumi import Input, ResourceOptions
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from postgresql.form import Props, current, kept
from postgresql.removal import insist_on_empty

WAY_OUT = (
    'Delete protection is on. To remove it all, update the stack with delete_protection false, '
    'and destroy it again.'
)


class ProtectionProvider(ResourceProvider):
    """Stands in the way; see pulumi.dynamic."""

    def create(self, props: Props) -> CreateResult:
        return CreateResult(props['database'], _kept(props))

    def diff(self, id_: str, olds: Props, news: Props) -> DiffResult:
        olds = current(olds)
        return DiffResult(changes=any(olds[each] != news[each] for each in ('database', 'is_on')))

    def update(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        return UpdateResult(_kept(news))

    def delete(self, id_: str, props: Props) -> None:
        props = current(props)
        if props['is_on']:
            insist_on_empty(props['database'], props['mark'], None, WAY_OUT)


class Protection(Resource, module='postgresql', name='Protection'):
    """Of a database with a mark, while it is on."""

    def __init__(
        self,
        name: str,
        database: Input[str],
        mark: Input[str],
        *,
        is_on: Input[bool],
        opts: ResourceOptions | None = None,
    ) -> None:
        given = {'database': database, 'mark': mark, 'is_on': is_on, 'form': None}
        super().__init__(ProtectionProvider(), name, given, opts)


def _kept(props: Props) -> Props:
    return kept(database=props['database'], mark=props['mark'], is_on=props['is_on'])
