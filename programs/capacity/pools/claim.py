"""That a stack has a pool, kept before there is anything of it.

Whoever starts a pool may be killed before the stack's state says that there is one. A destroy then
still ends what was started.
"""

from pulumi import Input, ResourceOptions
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

from pools.form import Props, kept
from pools.running import RunningPool


class ClaimProvider(ResourceProvider):
    """Remembers names; see pulumi.dynamic."""

    def create(self, props: Props) -> CreateResult:
        return CreateResult(props['name'], kept(name=props['name']))

    def delete(self, id_: str, props: Props) -> None:
        RunningPool(id_).end()


class Claim(Resource, module='pools', name='Claim'):
    """The name of the stack's pool."""

    def __init__(self, name: str, pool: Input[str], opts: ResourceOptions | None = None) -> None:
        super().__init__(ClaimProvider(), name, {'name': pool, 'form': None}, opts)
