"""The object store of a service, as whoever has its keys sees it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import requests

from tests import processes


class Store:
    """The own object store of the service with this state folder."""

    def __init__(self, state: Path) -> None:
        self.folder = state / 'servers' / 'object-store'

    @property
    def ports(self) -> list[int]:
        """Its port, and the one of its websites."""
        found: list[int] = json.loads((self.folder / 'address.json').read_text())['ports']
        return found

    @property
    def client(self) -> Any:
        """A client with its keys."""
        return boto3.client(
            's3',
            endpoint_url=f'http://127.0.0.1:{self.ports[0]}',
            aws_access_key_id='service',
            aws_secret_access_key=self.secret_key,
            region_name='us-east-1',
        )

    @property
    def secret_key(self) -> str:
        return (self.folder / 'secret-key').read_text()

    def buckets(self) -> list[str]:
        """Return the names of all buckets."""
        return [each['Name'] for each in self.client.list_buckets()['Buckets']]

    def files(self, bucket: str) -> set[str]:
        """Return the names of a bucket's files."""
        listed = self.client.list_objects_v2(Bucket=bucket)
        return {each['Key'] for each in listed.get('Contents', [])}

    def processes(self) -> set[int]:
        """Return the pids of its servers."""
        return set(_serving(str(self.folder)))


def page(url: str, path: str = '') -> requests.Response:
    """Return what a browser gets at a site's address, which is this machine for browsers alone."""
    host = url.removeprefix('http://')
    port = host.partition(':')[2]
    headers = {'Host': host}
    return requests.get(f'http://127.0.0.1:{port}/{path}', headers=headers, timeout=30)


def _serving(folder: str) -> Iterator[int]:
    for pid in (int(each) for each in os.listdir('/proc') if each.isdigit()):
        command = processes.command_line(pid)
        if 'versitygw' in command and folder in command:
            yield pid
