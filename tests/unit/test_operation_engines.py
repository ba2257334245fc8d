"""The engines of this process: who gets which, how many there are, and what dead owners left."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from settings import Settings
from stacks.operation.engines import Engines, OwnedEngine
from tests.fake_pulumi import Meeting
from warm_pulumi.processes import kill_session
from workspaces.ownership import Ownership


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path, workers=2)


@pytest.fixture
def engines(settings: Settings) -> Iterator[Engines]:
    made = Engines(settings)
    yield made
    made.close()


def names(settings: Settings) -> list[str]:
    """Return the names of engines that somebody owns now."""
    owned = []
    for file in sorted((settings.state_dir / 'workers').iterdir()):
        try:
            Ownership(file).close()
        except BlockingIOError:
            owned.append(file.name)
    return owned


def test_made_as_needed(engines: Engines, settings: Settings) -> None:
    """The first lease owns an engine; its end keeps it for the next one."""
    for _ in range(2):
        with engines.lease('a', 'one'):
            assert names(settings) == ['0']
    assert names(settings) == ['0']
    engines.close()
    assert names(settings) == []


def test_affinity(engines: Engines) -> None:
    """A program gets the engine that ran it last, others a new one or the longest rested."""
    with engines.lease('a', 'one') as first:
        pass
    with engines.lease('b', 'one') as second:
        assert second is not first
    with engines.lease('a', 'one') as again:
        assert again is first
    with engines.lease('c', 'one') as third:
        assert third is second, 'it has rested longest, and there may be no more'
    with engines.lease('b', 'one') as other:
        assert other is first


def test_at_most_workers(engines: Engines) -> None:
    """As many as there are workers have engines at the same time, each one of its own."""
    both_have_one = Meeting(2)

    def lease(program: str) -> int:
        with engines.lease(program, 'one') as engine:
            both_have_one()
            return id(engine)

    with ThreadPoolExecutor(2) as pool:
        found = [*pool.map(lease, 'aa'), *pool.map(lease, 'ab'), *pool.map(lease, 'cd')]
    assert len(set(found)) == 2


def test_other_services(engines: Engines, settings: Settings) -> None:
    """Services on one machine own engines of different names."""
    other = Engines(settings)
    with engines.lease('a', 'one'), other.lease('a', 'two'), engines.lease('a', 'three'):
        assert names(settings) == ['0', '1', '2']
    other.close()


def test_none_could_be_had(
    engines: Engines, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that could not be had is missing for no later lease."""
    monkeypatch.setattr('stacks.operation.engines.MOST', 0)
    for _ in range(3):
        with pytest.raises(RuntimeError, match='are in use'), engines.lease('a', 'one'):
            pass
    monkeypatch.setattr('stacks.operation.engines.MOST', 9)
    with ExitStack() as held:
        for _ in range(2):
            held.enter_context(engines.lease('a', 'one'))
        assert names(settings) == ['0', '1']


def test_leftovers(engines: Engines, settings: Settings) -> None:
    """What a dead service's engine left running is ended; what a living one runs is not."""
    folder = settings.state_dir / 'workers'
    folder.mkdir()
    dead, alive = (subprocess.Popen(['sleep', '600'], start_new_session=True) for _ in range(2))
    left, owned = Ownership(folder / '0'), Ownership(folder / '1')
    try:
        for file, process in ((left, dead), (owned, alive)):
            file.end_leftovers()
            file.note_start(process.pid)
        left.close()
        engines.end_leftovers()
        assert dead.wait(timeout=30)
        assert alive.poll() is None
    finally:
        owned.close()
        for process in (dead, alive):
            kill_session(process.pid)
            process.wait()


def test_first_look(engines: Engines, settings: Settings) -> None:
    """Where no service ever was, nothing is left, and the folder is for the owner alone."""
    engines.end_leftovers()
    assert os.stat(settings.state_dir / 'workers').st_mode & 0o777 == 0o700


def test_locks_of_fellows(tmp_path: Path) -> None:
    """An engine's lock on a stack that it does not work on is nobody's, also while it lives."""
    engines: list[OwnedEngine] = []
    for number, stack in enumerate(['web', 'mail', 'web']):
        file = Ownership(tmp_path / str(number))
        file.note_start(os.getppid() if number else os.getpid())
        engines.append(OwnedEngine(Settings(state_dir=tmp_path), file, str(number), engines))
        engines[-1].stack = stack
    assert engines[0].idle == {os.getpid(), os.getppid()}
    engines[1].stack = 'web'
    assert engines[0].idle == {os.getpid()}
    for engine in engines:
        engine.close()
