"""The policy by which everybody may read a bucket's files, and do nothing else."""

import json

from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import (
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from object_store.client import ABSENT, UNKNOWN_CALL, client, in_words, tolerating
from object_store.form import Props, current, kept


class PublicReadProvider(ResourceProvider):
    """Sets the policy; see pulumi.dynamic."""

    def create(self, props: Props) -> CreateResult:
        return CreateResult(props['bucket'], _put(props['bucket']))

    def read(self, id_: str, props: Props) -> ReadResult:
        with in_words(f'The policy of {id_} cannot be looked at'), tolerating(*ABSENT):
            found = client().get_bucket_policy(Bucket=id_)['Policy']
            return ReadResult(id_, kept(bucket=id_, policy=_plain(json.loads(found))))
        return ReadResult('', {})

    def diff(self, id_: str, olds: Props, news: Props) -> DiffResult:
        olds = current(olds)
        is_other = olds['bucket'] != news['bucket']
        is_changed = olds.get('policy') != _policy(news['bucket'])
        return DiffResult(changes=is_other or is_changed, replaces=['bucket'] if is_other else [])

    def update(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        return UpdateResult(_put(news['bucket']))

    def delete(self, id_: str, props: Props) -> None:
        with in_words(f'The policy of {id_} cannot be removed'), tolerating(*ABSENT):
            client().delete_bucket_policy(Bucket=id_)


class PublicRead(Resource, module='object-store', name='PublicRead'):
    """Everybody may read the files of this bucket."""

    bucket: Output[str]

    def __init__(self, name: str, bucket: Input[str], opts: ResourceOptions | None = None) -> None:
        given = {'bucket': bucket, 'policy': None, 'form': None}
        super().__init__(PublicReadProvider(), name, given, opts)


def _put(bucket: str) -> Props:
    policy = _policy(bucket)
    with in_words(f'The bucket {bucket} cannot be opened to readers'):
        # AWS blocks such policies until that is taken away; other stores know of no such block.
        with tolerating(*UNKNOWN_CALL):
            client().delete_public_access_block(Bucket=bucket)
        client().put_bucket_policy(Bucket=bucket, Policy=policy)
    return kept(bucket=bucket, policy=policy)


def _policy(bucket: str) -> str:
    statement = {
        'Sid': 'PublicRead',
        'Effect': 'Allow',
        'Principal': '*',
        'Action': ['s3:GetObject'],
        'Resource': [f'arn:aws:s3:::{bucket}/*'],
    }
    return _plain({'Version': '2012-10-17', 'Statement': [statement]})


def _plain(policy: dict[str, object]) -> str:
    """Return a policy as text that says the same for the same, however a store writes it."""
    return (
        json.dumps(policy, sort_keys=True)
        .replace('{"AWS": ["*"]}', '"*"')
        .replace('{"AWS": "*"}', '"*"')
    )
