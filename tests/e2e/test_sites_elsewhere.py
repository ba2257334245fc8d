"""Sites on an object store of other makers, by the program as it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests

from servers.kept import Kept
from tests.platform import Client
from tests.second_store import Minio
from tests.service import serving

pytestmark = pytest.mark.slow
REGION = 'eu-central-1'


@pytest.fixture(scope='module')
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Minio, str]]:
    """The store and its address."""
    kind = Minio()
    kept = Kept(tmp_path_factory.mktemp('minio'), kind)
    yield kind, f'http://127.0.0.1:{kept.ports()[0]}'
    kept.close()


def test_life_on_another_store(tmp_path: Path, store: tuple[Minio, str]) -> None:
    """A site is made, changed, found changed outside, brought back and removed there as here."""
    kind, address = store
    keys = {'AWS_ACCESS_KEY_ID': kind.user, 'AWS_SECRET_ACCESS_KEY': kind.password}
    there: Any = boto3.client(
        's3',
        endpoint_url=address,
        aws_access_key_id=kind.user,
        aws_secret_access_key=kind.password,
        region_name=REGION,
    )
    with serving(tmp_path, OBJECT_STORE=address, AWS_REGION=REGION, **keys) as service:
        client = Client(service.url)
        client.wait_until_up()
        given = {'content': 'one', 'files': {'a ü.txt': 'a'}}
        client.done(client.create('other', given, program='static-site'))
        outputs = client.get('/stacks/other/outputs')
        bucket, url = outputs['bucket'], outputs['website_url']
        assert url == f'{address}/{bucket}/index.html'
        assert requests.get(url, timeout=60).text == 'one'
        assert requests.get(f'{address}/{bucket}/a ü.txt', timeout=60).text == 'a'
        # Readers may read files, and neither list nor write them.
        assert requests.get(f'{address}/{bucket}', timeout=60).status_code == 403
        assert requests.put(url, data='x', timeout=60).status_code == 403
        client.done(client.start('other', 'update', inputs={'content': 'two'}))
        assert requests.get(url, timeout=60).text == 'two'
        assert set(client.done(client.start('other', 'preview'))['changes']) == {'same'}
        looked = client.done(client.start('other', 'refresh'))
        assert set(looked['changes']) == {'same'}
        there.put_object(Bucket=bucket, Key='index.html', Body=b'theirs')
        there.delete_object(Bucket=bucket, Key='a ü.txt')
        client.done(client.start('other', 'refresh', accept=True))
        client.done(client.start('other', 'update'))
        assert requests.get(url, timeout=60).text == 'two'
        assert requests.get(f'{address}/{bucket}/a ü.txt', timeout=60).text == 'a'
        client.done(client.destroy('other'))
        assert there.list_buckets()['Buckets'] == []
        assert kind.password not in service.log()
