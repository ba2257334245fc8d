"""A full disk while things are done with stacks that last."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.held import await_that
from tests.faults.lasting import ENDED, lasting
from tests.platform import inputs


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MB of the test's own."""
    folder = tmp_path / 'disk'
    folder.mkdir()
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip('mounting a file system needs root')
    try:
        yield folder
    finally:
        subprocess.run(['umount', '--lazy', str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Fill the disk to the last page; return the file that does."""
    filler = folder / 'filler'
    with contextlib.suppress(OSError), filler.open('wb') as file:
        while True:
            file.write(b'\0' * 2**16)
            file.flush()
    with contextlib.suppress(OSError), filler.open('ab', buffering=0) as file:
        while True:
            file.write(b'\0' * 512)
    assert shutil.disk_usage(folder).free < 2**12
    return filler


def test_disk_full(tmp_path: Path, small_disk: Path, mode: str) -> None:
    """A disk that is full in mid-run: each run ends or waits, and all is right with room again."""
    with lasting(tmp_path, ENGINE=mode, STATE_DIR=str(small_disk / 'state')) as here:
        here.client.done(here.client.create('before', inputs('a')))
        with here.held():
            run = here.client.create('during', inputs('a', 'b'))
            here.wait_until_held('create')
            filler = fill(small_disk)
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
