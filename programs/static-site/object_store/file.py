"""A file in a bucket."""

import base64
import hashlib
from typing import Any

from pulumi import Input, ResourceOptions
from pulumi.dynamic import (
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from object_store.bucket import MARK
from object_store.client import ABSENT, client, in_words, tolerating
from object_store.form import Props, current, kept


class FileProvider(ResourceProvider):
    """Puts files; see pulumi.dynamic."""

    def create(self, props: Props) -> CreateResult:
        return CreateResult(f'{props["bucket"]}/{props["key"]}', _put(props))

    def read(self, id_: str, props: Props) -> ReadResult:
        props = current(props)
        bucket, key = props['bucket'], props['key']
        with in_words(f'The file {key} cannot be looked at'), tolerating(*ABSENT):
            found = client().head_object(Bucket=bucket, Key=key)
            # Whatever the store computes its tag from, it is another one for other content.
            is_same = found['ETag'] == props['etag']
            digest = props['digest'] if is_same else f'changed outside, {found["ETag"]}'
            seen = {'content_type': found.get('ContentType', ''), 'digest': digest}
            return ReadResult(id_, {**props, **seen})
        return ReadResult('', {})

    def diff(self, id_: str, olds: Props, news: Props) -> DiffResult:
        olds = current(olds)
        replaces = [each for each in ('bucket', 'key') if olds[each] != news[each]]
        is_changed = (olds['digest'], olds['content_type']) != (
            _digest(_bytes(news['content'])),
            news['content_type'],
        )
        return DiffResult(changes=bool(replaces) or is_changed, replaces=replaces)

    def update(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        return UpdateResult(_put(news))

    def delete(self, id_: str, props: Props) -> None:
        props = current(props)
        with in_words(f'The file {props["key"]} cannot be removed'), tolerating(*ABSENT):
            client().delete_object(Bucket=props['bucket'], Key=props['key'])


class File(Resource, module='object-store', name='File'):
    """A file.

    key: its name in the bucket. content: text, or `{"base64": …}` for what is none.
    """

    def __init__(
        self,
        name: str,
        bucket: Input[str],
        key: Input[str],
        *,
        content: Input[Any],
        content_type: Input[str],
        opts: ResourceOptions | None = None,
    ) -> None:
        given = {'bucket': bucket, 'key': key, 'content': content, 'content_type': content_type}
        made = {'digest': None, 'etag': None, 'form': None}
        super().__init__(FileProvider(), name, {**given, **made}, opts)


def _put(props: Props) -> Props:
    bucket, key, content_type = props['bucket'], props['key'], props['content_type']
    body = _bytes(props['content'])
    with in_words(f'The file {key} cannot be put'):
        answer = client().put_object(
            Bucket=bucket, Key=key, Body=body, ContentType=content_type, Metadata=MARK
        )
    # Not the content itself: the state would have it twice.
    made = {'digest': _digest(body), 'etag': answer['ETag']}
    return kept(bucket=bucket, key=key, content_type=content_type, **made)


def _bytes(content: str | dict[str, str]) -> bytes:
    return content.encode() if isinstance(content, str) else base64.b64decode(content['base64'])


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
