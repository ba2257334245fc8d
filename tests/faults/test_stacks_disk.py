"""A full disk while things are done with stacks that last."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.disks import fill, small_disk
from tests.faults.held import await_that
from tests.faults.lasting import ENDED, lasting
from tests.platform import inputs


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of the test's own, with all that the service keeps."""
    with small_disk(tmp_path / 'disk', 48) as folder:
        yield folder


def test_disk_full(tmp_path: Path, disk: Path, mode: str) -> None:
    """A disk that is full in mid-run: each run ends or waits, and all is right with room again."""
    with lasting(tmp_path, ENGINE=mode, STATE_DIR=str(disk / 'state')) as here:
        here.client.done(here.client.create('before', inputs('a')))
        with here.held():
            run = here.client.create('during', inputs('a', 'b'))
            here.wait_until_held('create')
            filler = fill(disk)
        asked = here.client.call('POST', '/stacks', json=new('refused'))
        assert asked.status_code in (202, 503), asked.text
        assert here.client.call('GET', '/stacks').status_code in (200, 503)
        filler.unlink()
        await_that(lambda: here.client.call('GET', '/stacks').status_code == 200)
        now = here.client.ended(run)
        assert now['state'] in ENDED
        acknowledged = [asked.json()['id']] if asked.status_code == 202 else []
        here.assert_ended(run['id'], *acknowledged)
        for stack in here.client.get('/stacks')['items']:
            here.client.done(here.client.start(stack['name'], 'update'))
        here.assert_files()
        here.end()


def new(name: str) -> dict[str, object]:
    return {'program': 'files', 'name': name, 'inputs': inputs('a')}
