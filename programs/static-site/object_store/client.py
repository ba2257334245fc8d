"""The connection to the object store, and its errors in words.

Where it is and by whose keys comes from the environment when something is done, never from the
stack's state: S3_ENDPOINT, S3_REGION, S3_ACCESS_KEY and S3_SECRET_KEY. What is not there is looked
for as boto3 does it, in AWS's own variables, files and roles. Where the store is on this machine,
S3_FOLDER is where it keeps everything.
"""

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Seconds; and attempts, with pauses of their own between them.
CONNECT, READ, ATTEMPTS = 3, 30, 3
# What a store says that knows nothing of a thing, and that has it not.
UNKNOWN_CALL = ('NotImplemented', 'MethodNotAllowed', '501', '405')
ABSENT = ('NoSuchBucket', 'NoSuchKey', 'NoSuchBucketPolicy', 'NoSuchWebsiteConfiguration', '404')
# What stores say whose disk is full: VersityGW, MinIO.
FULL = ('InsufficientStorage', 'XMinioStorageFull', '507')
# What VersityGW 1.8 says where there is no room for a bucket, a file's marks or a file's folder.
MAY_BE_FULL = ('InternalError', 'ExistingObjectIsDirectory')
# Bytes. Where less is free, that was the reason.
LEAST_ROOM = 1024 * 1024


class ObjectStoreError(Exception):
    """The object store did not do what was asked for; the message is for people."""


@functools.cache
def client() -> Any:
    """Return the one client of this process; it serves all threads."""
    # Only who uses it waits for its import.
    import boto3
    from botocore.config import Config

    retries = {'mode': 'standard', 'total_max_attempts': ATTEMPTS}
    return boto3.client(
        's3',
        endpoint_url=os.environ.get('S3_ENDPOINT'),
        region_name=os.environ.get('S3_REGION'),
        aws_access_key_id=os.environ.get('S3_ACCESS_KEY'),
        aws_secret_access_key=os.environ.get('S3_SECRET_KEY'),
        config=Config(connect_timeout=CONNECT, read_timeout=READ, retries=retries),
    )


def code_of(error: Exception) -> str:
    """Return the store's own word for what is wrong; empty where it said none."""
    return str(getattr(error, 'response', {}).get('Error', {}).get('Code', ''))


@contextmanager
def in_words(what: str) -> Iterator[None]:
    """Have the body's errors of the store say what could not be done, and why.

    Raises ObjectStoreError.
    """
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    try:
        yield
    except NoCredentialsError:
        raise ObjectStoreError(f'{what}: there are no keys for the object store.') from None
    except BotoCoreError as error:
        raise ObjectStoreError(f'{what}: the object store cannot be reached ({error}).') from None
    except ClientError as error:
        raise ObjectStoreError(f'{what}: {_reason(error)}') from None


@contextmanager
def tolerating(*codes: str) -> Iterator[None]:
    """Take some of the store's words for no error."""
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if code_of(error) not in codes:
            raise


def _reason(error: Any) -> str:
    """Return why the store did not do something, and what people can do."""
    code = code_of(error)
    if code in FULL or (code in MAY_BE_FULL and _is_disk_full()):
        return 'the disk of the object store is full. Make room there, and do this again.'
    message = str(error.response.get('Error', {}).get('Message', ''))
    return 'the object store says ' + ': '.join(filter(None, (code, message)))


def _is_disk_full() -> bool:
    """Tell whether the disk of a store on this machine has no room for more."""
    try:
        found = os.statvfs(os.environ['S3_FOLDER'])
    except (KeyError, OSError):
        return False
    has_no_files_left = bool(found.f_files) and not found.f_favail
    return has_no_files_left or found.f_bavail * found.f_frsize < LEAST_ROOM
