"""Sites, while the disk of their object store is full."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.disks import BLOCK, KINDS, fill, small_disk
from tests.faults.lasting import Lasting, lasting
from tests.object_store import Store, page

PROGRAM = 'static-site'
SIZE = 8
# What the run's error says, and what one does about it.
SAID = ('disk of the object store is full', 'Make room')
# Of each kind that takes room in a way of its own: a page, a file in a new folder, an empty file.
OLD = {'content': 'old', 'files': {'a.txt': 'old'}}
NEW = {'content': 'new' * 2000, 'files': {'a.txt': 'new', 'in/a/folder.txt': 'new', 'none.txt': ''}}


# The bounded form has the one where less takes room, and on the other what happens only there.
TMPFS, EXT4 = KINDS


@pytest.fixture(params=[TMPFS, pytest.param(EXT4, marks=pytest.mark.slow)])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """The disk on which the service's own object store has all that it keeps."""
    with small_disk(tmp_path / 'state' / 'servers' / 'object-store', SIZE, request.param) as folder:
        yield folder


@pytest.fixture
def here(tmp_path: Path, disk: Path) -> Iterator[Lasting]:
    """A service with a site of before, and a disk that has room yet."""
    with lasting(tmp_path) as found:
        found.client.done(found.client.create('before', OLD, program=PROGRAM))
        yield found


def sites(here: Lasting, method: str, path: str = '', **body: Any) -> requests.Response:
    """Return the answer to a request as clients of the model send it."""
    url = f'{here.site.service.url}/sites{path}'
    return requests.request(method, url, json=body or None, timeout=300)


def assert_said(message: str) -> None:
    """Assert that an error is the one clear one, in words for people."""
    assert all(each in message for each in SAID), message
    assert not any(each in message for each in ('Traceback', 'Error', '/tmp', '<')), message
    assert '\n' not in message


def assert_shown(here: Lasting, name: str, given: dict[str, Any]) -> None:
    """Assert that a site is served as it was given, every file of it."""
    url = here.client.get(f'/stacks/{name}/outputs')['website_url']
    assert page(url).text == given['content']
    for file, content in given['files'].items():
        found = page(url, file)
        assert (found.status_code, found.text) == (200, content), file


def assert_buckets(here: Lasting) -> None:
    """Assert that there is a bucket for each site, and no other one."""
    stacks = here.client.get('/stacks')['items']
    wanted = {stack['outputs']['bucket'] for stack in stacks if 'bucket' in stack['outputs']}
    assert set(Store(here.site.service.state).buckets()) == wanted


@pytest.mark.slow
def test_create_on_a_full_disk(here: Lasting, disk: Path) -> None:
    """A site for which there is no room is one clear error, and made when there is."""
    filler = fill(disk)
    refused = sites(here, 'POST', id='made', content=NEW['content'])
    assert refused.status_code == 502
    assert_said(refused.json()['detail'])
    assert sites(here, 'GET', '/made').status_code == 404
    assert_buckets(here)
    assert_shown(here, 'before', OLD)
    failed = here.client.ended(here.client.create('lasting', NEW, program=PROGRAM))
    assert_said(failed['error']['message'])
    filler.unlink()
    assert sites(here, 'POST', id='made', content=NEW['content']).status_code == 200
    here.client.done(here.client.start('lasting', 'update'))
    assert_shown(here, 'lasting', NEW)
    assert_buckets(here)
    here.end()


def test_update_on_a_full_disk(here: Lasting, disk: Path) -> None:
    """An update for which there is no room leaves each file whole, and succeeds when there is."""
    filler = fill(disk)
    failed = here.client.ended(here.client.start('before', 'update', inputs=NEW))
    assert_said(failed['error']['message'])
    refused = sites(here, 'PUT', '/before', content=NEW['content'])
    assert refused.status_code == 502
    assert_said(refused.json()['detail'])
    url = here.client.get('/stacks/before/outputs')['website_url']
    assert page(url).text == OLD['content']
    filler.unlink()
    here.client.done(here.client.start('before', 'update', inputs=NEW))
    assert_shown(here, 'before', NEW)
    same = here.client.done(here.client.start('before', 'refresh'))
    assert set(same['changes']) == {'same'}
    here.end()


@pytest.mark.slow
@pytest.mark.parametrize('disk', [EXT4], indirect=True)
def test_destroy_after_half_a_path(here: Lasting, disk: Path) -> None:
    """Folders for whose file there was no room are in the way of no destroy."""
    filler = fill(disk)
    os.truncate(filler, filler.stat().st_size - 2 * BLOCK)
    deep = {'content': 'old', 'files': {'in/a/folder/in/a/folder.txt': ''}}
    failed = here.client.ended(here.client.start('before', 'update', inputs=deep))
    assert_said(failed['error']['message'])
    bucket = here.client.get('/stacks/before/outputs')['bucket']
    assert (disk / 'data' / bucket / 'in').is_dir()
    here.client.done(here.client.destroy('before'))
    assert Store(here.site.service.state).buckets() == []
    here.end()


@pytest.mark.slow
def test_destroy_on_a_full_disk(here: Lasting, disk: Path) -> None:
    """What a full disk has left half-made is destroyed while it is still full."""
    fill(disk)
    here.client.ended(here.client.start('before', 'update', inputs=NEW))
    here.client.ended(here.client.create('half', NEW, program=PROGRAM))
    for name in ('before', 'half'):
        here.client.done(here.client.destroy(name))
    assert Store(here.site.service.state).buckets() == []
    here.end()
