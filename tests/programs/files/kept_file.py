"""A file as a resource. Marks in its folder have it wait (`slow`) or fail (`fail-create` …).

What is done is added to `done`; two that work on one file at the same time leave the mark `twice`.
"""

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
def alone(props: Props, operation: str) -> Iterator[None]:
    """Tell what was done, and whether somebody else did something with the same file meanwhile."""
    path = Path(props['path'])
    with watched(path, fcntl.LOCK_EX):
        obey(props, operation)
        yield
        with (path.parent / 'done').open('a') as done:
            done.write(f'{operation} {path.name}\n')


@contextmanager
def watched(path: Path, how: int) -> Iterator[None]:
    """Leave the mark where another process is in the body; LOCK_SH: one that changes something."""
    locks = path.parent / 'locks'
    locks.mkdir(exist_ok=True)
    with (locks / path.name).open('w') as lock:
        try:
            fcntl.flock(lock, how | fcntl.LOCK_NB)
        except BlockingIOError:
            (path.parent / 'twice').touch()
        yield


class Provider(ResourceProvider):
    def create(self, props: Props) -> CreateResult:
        with alone(props, 'create'):
            Path(props['path']).write_text(f'{props["text"]} {props["token"]}')
        return CreateResult(props['path'], props)

    def read(self, id_: str, props: Props) -> ReadResult:
        with watched(Path(id_), fcntl.LOCK_SH):
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
        with alone(news, 'update'):
            Path(id_).write_text(f'{news["text"]} {news["token"]}')
        return UpdateResult(news)

    def delete(self, id_: str, props: Props) -> None:
        with alone(props, 'delete'):
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
