"""A bucket's settings as a website, and the address of that."""

import os

from pulumi import Input, ResourceOptions
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

# The regions of AWS whose websites are at s3-website-REGION; others have s3-website.REGION.
WITH_DASH = (
    *('us-east-1', 'us-west-1', 'us-west-2', 'us-gov-west-1', 'sa-east-1', 'eu-west-1'),
    *('ap-southeast-1', 'ap-southeast-2', 'ap-northeast-1'),
)


# What stores without websites say: MinIO takes these settings for those of a new bucket.
WITHOUT = (*UNKNOWN_CALL, 'MalformedXML')


class WebsiteProvider(ResourceProvider):
    """Sets how a bucket is served; see pulumi.dynamic."""

    def create(self, props: Props) -> CreateResult:
        return CreateResult(props['bucket'], _put(props))

    def read(self, id_: str, props: Props) -> ReadResult:
        if not current(props).get('is_served', True):
            return ReadResult(id_, props)
        with in_words(f'The website of {id_} cannot be looked at'), tolerating(*ABSENT):
            found = client().get_bucket_website(Bucket=id_)
            index = found.get('IndexDocument', {}).get('Suffix', '')
            error = found.get('ErrorDocument', {}).get('Key', '')
            seen = {'index': index, 'error': error, 'is_served': True}
            return ReadResult(id_, kept(bucket=id_, **seen))
        return ReadResult('', {})

    def diff(self, id_: str, olds: Props, news: Props) -> DiffResult:
        olds = current(olds)
        changed = [each for each in ('bucket', 'index', 'error') if olds.get(each) != news[each]]
        replaces = ['bucket'] if 'bucket' in changed else []
        return DiffResult(changes=bool(changed), replaces=replaces)

    def update(self, id_: str, olds: Props, news: Props) -> UpdateResult:
        return UpdateResult(_put(news))

    def delete(self, id_: str, props: Props) -> None:
        if not current(props).get('is_served', True):
            return
        with in_words(f'The website of {id_} cannot be removed'), tolerating(*ABSENT):
            client().delete_bucket_website(Bucket=id_)


class Website(Resource, module='object-store', name='Website'):
    """The bucket is served as a website.

    index: the file that a folder's address shows. error: the one for what is not there, or empty.
    """

    def __init__(
        self,
        name: str,
        bucket: Input[str],
        index: Input[str],
        error: Input[str],
        opts: ResourceOptions | None = None,
    ) -> None:
        given = {'bucket': bucket, 'index': index, 'error': error}
        super().__init__(WebsiteProvider(), name, {**given, 'is_served': None, 'form': None}, opts)


def website_url(bucket: str) -> str:
    """Return the address at which this object store serves a bucket."""
    host = os.environ.get('S3_WEBSITE')
    if host:
        return 'http://' + host.format(bucket=bucket)
    endpoint = os.environ.get('S3_ENDPOINT')
    if endpoint:
        # What serves no websites still has the page itself.
        return f'{endpoint.rstrip("/")}/{bucket}/index.html'
    region = os.environ.get('AWS_REGION') or os.environ.get('AWS_DEFAULT_REGION') or 'us-east-1'
    mark = '-' if region in WITH_DASH else '.'
    return f'http://{bucket}.s3-website{mark}{region}.amazonaws.com'


def _put(props: Props) -> Props:
    bucket, index, error = props['bucket'], props['index'], props['error']
    settings = {'IndexDocument': {'Suffix': index}}
    if error:
        settings['ErrorDocument'] = {'Key': error}
    is_served = False
    with in_words(f'The bucket {bucket} cannot be made a website'), tolerating(*WITHOUT):
        # Without a website the files can be read all the same.
        client().put_bucket_website(Bucket=bucket, WebsiteConfiguration=settings)
        is_served = True
    return kept(bucket=bucket, index=index, error=error, is_served=is_served)
