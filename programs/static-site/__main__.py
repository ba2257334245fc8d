"""A website in a bucket of its own."""

import pulumi
from object_store import Bucket, BucketName, File, PublicRead, Website, website_url
from site_files import ERROR_PAGE, INDEX, site_files

config = pulumi.Config()
files = site_files(
    config.require('content'),
    config.get_object('files') or {},
    config.get('error_page') or '',
    config.get_object('content_types') or {},
)

name = BucketName('name', prefix=pulumi.get_stack().rpartition('.')[2])
bucket = Bucket('bucket', name.bucket)
# Readable before the first file is there, and until the last one is gone.
readable = PublicRead('public-read', bucket.bucket)
website = Website('website', bucket.bucket, INDEX, ERROR_PAGE if ERROR_PAGE in files else '')
for key, (content, content_type) in files.items():
    File(key, bucket.bucket, key, content=content, content_type=content_type)

pulumi.export('bucket', bucket.bucket)
pulumi.export('website_url', bucket.bucket.apply(website_url))
