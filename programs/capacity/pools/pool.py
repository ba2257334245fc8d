"""A pool of worker processes behind one port."""

from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import (
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from pools.form import Props, current, kept
from pools.plan import Plan
from pools.running import RunningPool


class PoolProvider(ResourceProvider):
    """Runs pools; see pulumi.dynamic."""

    def create(self, props: Props) -> CreateResult:
        return CreateResult(props['name'], _put(props))

    def read(self, id_: str, props: Props) -> ReadResult:
        workers = RunningPool(id_).workers()
        if workers is None:
            return ReadResult('', {})
        return ReadResult(id_, {**current(props), 'workers': workers})

    def diff(self, id_: str, olds: Props, news: Props) -> DiffResult:
        olds = current(olds)
        replaces = [each for each in ('name', 'handler') if olds[each] != news[each]]
        if news['wanted_port'] not in (0, olds['port']):
            replaces.append('wanted_port')
        return DiffResult(
            changes=bool(replaces) or olds['workers'] != news['workers'],
            replaces=replaces,
            # Two cannot listen on one port, nor be in one folder.
            delete_before_replace=True,
        )

    def update(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        return UpdateResult(_put(news))

    def delete(self, id_: str, props: Props) -> None:
        RunningPool(id_).end()


class Pool(Resource, module='pools', name='Pool'):
    """Worker processes of a small web service.

    pool: its name, unique on this machine. handler: one of served/service.py. wanted_port: 0 for
    one that is free.
    """

    workers: Output[int]
    handler: Output[str]
    port: Output[int]

    def __init__(
        self,
        name: str,
        pool: Input[str],
        *,
        workers: Input[int],
        handler: Input[str],
        wanted_port: Input[int],
        opts: ResourceOptions | None = None,
    ) -> None:
        given = {'name': pool, 'workers': workers, 'handler': handler, 'wanted_port': wanted_port}
        super().__init__(PoolProvider(), name, {**given, 'port': None, 'form': None}, opts)


def _put(props: Props) -> Props:
    props = current(props)
    wanted = Plan(props['workers'], props['handler'], props['wanted_port'])
    return kept(**{**props, 'port': RunningPool(props['name']).put(wanted).port})
