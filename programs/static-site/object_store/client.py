"""The connection to the object store, and its errors in words.

Where it is and by whose keys comes from the environment when something is done, never from the
stack's state: S3_ENDPOINT, S3_REGION, S3_ACCESS_KEY and S3_SECRET_KEY. What is not there is looked
for as boto3 does it, in AWS's own variables, files and roles.
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
        said = error.response.get('Error', {})
        reason = ': '.join(filter(None, (code_of(error), str(said.get('Message', '')))))
        raise ObjectStoreError(f'{what}: the object store says {reason}') from None


@contextmanager
def tolerating(*codes: str) -> Iterator[None]:
    """Take some of the store's words for no error."""
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if code_of(error) not in codes:
            raise
