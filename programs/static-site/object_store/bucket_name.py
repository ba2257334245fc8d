"""A name for a bucket, which no other one has; kept before there is a bucket.

A bucket's names are shared by all the world. If whoever makes the bucket is killed before its state
says that there is one, the name still does: the next update finds it, or a destroy removes it.
"""

import secrets
import string

from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider

from object_store.bucket import remove
from object_store.form import Props, current, kept

LONGEST = 63
ALPHABET = string.ascii_lowercase + string.digits
RANDOM = 10


class BucketNameProvider(ResourceProvider):
    """Makes names; see pulumi.dynamic."""

    def create(self, props: Props) -> CreateResult:
        ending = ''.join(secrets.choice(ALPHABET) for _ in range(RANDOM))
        beginning = props['prefix'][: LONGEST - RANDOM - 1].strip('-')
        bucket = f'{beginning}-{ending}'
        return CreateResult(bucket, kept(prefix=props['prefix'], bucket=bucket))

    def diff(self, id_: str, olds: Props, news: Props) -> DiffResult:
        return DiffResult(changes=False)

    def delete(self, id_: str, props: Props) -> None:
        remove(current(props)['bucket'])


class BucketName(Resource, module='object-store', name='BucketName'):
    """A bucket's name.

    prefix: what it begins with, of lower-case letters, digits and dashes.
    """

    bucket: Output[str]

    def __init__(self, name: str, prefix: Input[str], opts: ResourceOptions | None = None) -> None:
        given = {'prefix': prefix, 'bucket': None, 'form': None}
        super().__init__(BucketNameProvider(), name, given, opts)
