"""A file as a resource. Marks in its folder have it wait (`slow`) or fail (`fail-create` …)."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import (
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

Props = dict[str, Any]


def obey(props: Props, operation: str) -> None:
    """Do what the marks say."""
    folder = Path(props['path']).parent
    while (folder / 'slow').exists():
        (folder / f'waiting-{operation}').touch()
        time.sleep(0.02)
    if (folder / f'fail-{operation}').exists():
        raise RuntimeError(f'the file cannot be {operation}d, says the test')


@contextmanager
def alone(path: Path, how: int = fcntl.LOCK_EX) -> Iterator[None]:
    """Leave the mark `doubled` where another process is in the body at the same time.

    how: LOCK_SH for those who only read, whom other such do not disturb.
    """
    with path.with_name(f'turn.{path.name}').open('w') as turn:
        try:
            fcntl.flock(turn, how | fcntl.LOCK_NB)
        except BlockingIOError:
            path.with_name('doubled').touch()
        yield


class Provider(ResourceProvider):
    def create(self, props: Props) -> CreateResult:
        with alone(Path(props['path'])):
            obey(props, 'create')
            Path(props['path']).write_text(f'{props["text"]} {props["token"]}')
        return CreateResult(props['path'], props)

    def read(self, id_: str, props: Props) -> ReadResult:
        with alone(Path(id_), fcntl.LOCK_SH):
            obey(props, 'read')
            try:
                text = Path(id_).read_text().partition(' ')[0]
            except FileNotFoundError:
                return ReadResult('', {})
        return ReadResult(id_, {**props, 'text': text})

    def diff(self, id_: str, olds: Props, news: Props) -> DiffResult:
        changed = [key for key in ('path', 'text', 'token') if olds.get(key) != news.get(key)]
        return DiffResult(changes=bool(changed), replaces=['path'] if 'path' in changed else [])

    def update(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        with alone(Path(id_)):
            obey(news, 'update')
            Path(id_).write_text(f'{news["text"]} {news["token"]}')
        return UpdateResult(news)

    def delete(self, id_: str, props: Props) -> None:
        with alone(Path(id_)):
            obey(props, 'delete')
            Path(id_).unlink(missing_ok=True)


class KeptFile(Resource):
    path: Output[str]
    text: Output[str]

    def __init__(
        self,
        name: str,
        path: Input[str],
        text: Input[str],
        token: Input[str],
        opts: ResourceOptions | None = None,
    ) -> None:
        given = ResourceOptions(additional_secret_outputs=['token'])
        super().__init__(
            Provider(),
            name,
            {'path': path, 'text': text, 'token': token},
            ResourceOptions.merge(given, opts),
        )
