"""A bucket, which is removed with all that this program put into it, and nothing else."""

from collections.abc import Iterator
from typing import Any

from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider

from object_store.client import ABSENT, ObjectStoreError, client, code_of, in_words, tolerating
from object_store.form import Props, current, kept

# What files of ours carry: whatever else is in a bucket, somebody else has put there.
MARK = {'made-by': 'static-site'}
# How many strange files an error names.
NAMED = 5


class BucketProvider(ResourceProvider):
    """Makes buckets; see pulumi.dynamic."""

    def create(self, props: Props) -> CreateResult:
        bucket = props['bucket']
        with in_words(f'The bucket {bucket} cannot be made'):
            _make(bucket)
        return CreateResult(bucket, kept(bucket=bucket))

    def read(self, id_: str, props: Props) -> ReadResult:
        with in_words(f'The bucket {id_} cannot be looked at'):
            return ReadResult(id_, props) if is_there(id_) else ReadResult('', {})

    def diff(self, id_: str, olds: Props, news: Props) -> DiffResult:
        is_other = current(olds)['bucket'] != news['bucket']
        return DiffResult(changes=is_other, replaces=['bucket'] if is_other else [])

    def delete(self, id_: str, props: Props) -> None:
        remove(current(props)['bucket'])


class Bucket(Resource, module='object-store', name='Bucket'):
    """A bucket of this name."""

    bucket: Output[str]

    def __init__(self, name: str, bucket: Input[str], opts: ResourceOptions | None = None) -> None:
        super().__init__(BucketProvider(), name, {'bucket': bucket, 'form': None}, opts)


def is_there(bucket: str) -> bool:
    """Tell whether there is a bucket that these keys may use."""
    with tolerating(*ABSENT):
        client().head_bucket(Bucket=bucket)
        return True
    return False


def remove(bucket: str) -> None:
    """Remove a bucket with all files of ours; one that is gone already is none.

    Raises ObjectStoreError, with the bucket as it was, when somebody else has put something there.
    """
    with in_words(f'The bucket {bucket} cannot be removed'):
        if not is_there(bucket):
            return
        found = list(_keys(bucket))
        strange = [key for key in found if not _is_ours(bucket, key)]
        if strange:
            names = ', '.join(strange[:NAMED]) + (' …' if len(strange) > NAMED else '')
            raise ObjectStoreError(
                f'The bucket {bucket} has {len(strange)} files that this stack has not made, and '
                f'is kept: {names}. Take them elsewhere, and destroy the stack again.'
            )
        for key in found:
            client().delete_object(Bucket=bucket, Key=key)
        with tolerating(*ABSENT):
            _delete_empty(bucket)


def _make(bucket: str) -> None:
    region = client().meta.region_name
    # AWS takes no constraint for the region that it has had from the start.
    where: dict[str, Any] = {}
    if region and region != 'us-east-1':
        where['CreateBucketConfiguration'] = {'LocationConstraint': region}
    try:
        client().create_bucket(Bucket=bucket, **where)
    except Exception as error:
        # A run that was cut short may have made it: nobody else knows the name.
        is_known = code_of(error) in ('BucketAlreadyOwnedByYou', 'BucketAlreadyExists')
        if not (is_known and is_there(bucket)):
            raise


def _keys(bucket: str) -> Iterator[str]:
    for page in client().get_paginator('list_objects_v2').paginate(Bucket=bucket):
        yield from (each['Key'] for each in page.get('Contents', []))


def _delete_empty(bucket: str) -> None:
    """Delete a bucket that has no files."""
    try:
        client().delete_bucket(Bucket=bucket)
    except Exception as error:
        if code_of(error) != 'BucketNotEmpty':
            raise
        for folder in _folders(bucket):
            client().delete_object(Bucket=bucket, Key=folder)
        client().delete_bucket(Bucket=bucket)


def _folders(bucket: str, within: str = '') -> Iterator[str]:
    """Yield folders, the innermost first.

    A store that keeps files as files has them, without a file, where its disk was full: it made the
    folders of a file for which there was no room then.
    """
    pages = client().get_paginator('list_objects_v2')
    for page in pages.paginate(Bucket=bucket, Prefix=within, Delimiter='/'):
        for each in page.get('CommonPrefixes', []):
            yield from _folders(bucket, each['Prefix'])
            yield each['Prefix']


def _is_ours(bucket: str, key: str) -> bool:
    with tolerating(*ABSENT):
        found = client().head_object(Bucket=bucket, Key=key)
        return bool(MARK.items() <= found.get('Metadata', {}).items())
    return True
