"""Which services live, as the kernel knows it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stacks.running.presence import FilePresence, of_this_process
from tests.paths import ROOT
from tests.records import Site

HOLDER = """
import sys, time
from pathlib import Path
from stacks.running.presence import FilePresence
held = FilePresence(Path(sys.argv[1]), 'holder')
print('here', flush=True)
time.sleep(600)
"""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[FilePresence]:
    presence = FilePresence(tmp_path / 'services', 'here')
    yield presence
    presence.close()


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another service, of another process."""
    process = subprocess.Popen(
        [sys.executable, '-c', HOLDER, str(tmp_path / 'services')],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == 'here\n'
    yield process
    process.kill()
    process.communicate()


def test_alive(here: FilePresence, holder: subprocess.Popen[str]) -> None:
    """A service that lives is not dead, and this one is always sure that others see it."""
    assert not here.is_dead('holder')
    assert here.is_sure()


def test_killed(here: FilePresence, holder: subprocess.Popen[str]) -> None:
    """A service is dead as soon as its process is killed."""
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert here.is_dead('holder')


def test_frozen(here: FilePresence, holder: subprocess.Popen[str]) -> None:
    """A service that is frozen lives: it may go on at any moment."""
    holder.send_signal(signal.SIGSTOP)
    assert not here.is_dead('holder')


def test_gone(here: FilePresence, tmp_path: Path) -> None:
    """A service that ended by itself, or never was, is dead, and leaves no file."""
    other = FilePresence(tmp_path / 'services', 'other')
    assert not here.is_dead('other')
    other.close()
    assert here.is_dead('other')
    assert here.is_dead('nobody')
    assert [file.name for file in (tmp_path / 'services').iterdir()] == ['here']


def test_files_of_the_dead(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    """Files of dead services are removed when another one begins; those of the living stay."""
    folder = tmp_path / 'services'
    (folder / 'dead').touch()
    FilePresence(folder, 'new').close()
    assert [file.name for file in folder.iterdir()] == ['holder']


def test_many_begin(tmp_path: Path) -> None:
    """Services that begin at once never take one another for dead."""
    folder = tmp_path / 'services'

    def begin(number: int) -> FilePresence:
        return FilePresence(folder, f'service-{number}')

    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            found = list(pool.map(begin, range(8)))
            assert not any(found[0].is_dead(each.name) for each in found[1:])
            for each in found:
                each.close()


def test_names(site: Site) -> None:
    """Each service has a name of its own, also of the same process, that fits its column."""
    first, second = (of_this_process(site.database, site.settings.state_dir) for _ in range(2))
    assert first.name != second.name
    assert len(first.name) <= 60
    for each in (first, second):
        each.close()
