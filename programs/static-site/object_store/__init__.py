"""A bucket and what belongs to it, as resources over the S3 API."""

from object_store.bucket import Bucket
from object_store.bucket_name import BucketName
from object_store.file import File
from object_store.public_read import PublicRead
from object_store.website import Website, website_url

__all__ = ['Bucket', 'BucketName', 'File', 'PublicRead', 'Website', 'website_url']
