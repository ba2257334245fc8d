"""The program `capacity`: workers by a control socket that may not answer, and their sure end."""

from __future__ import annotations

import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from servers.errors import ServerError
from servers.servers import Servers
from settings import Settings
from tests.paths import ROOT

PROGRAM = ROOT / 'programs' / 'capacity'
MASTER = 77


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Have the program's modules be imported, and forgotten; a pool's folder, with its master."""
    monkeypatch.syspath_prepend(str(PROGRAM))
    monkeypatch.setenv('PROCESSES_FOLDER', str(tmp_path))
    (tmp_path / 'web' / 'ready').mkdir(parents=True)
    (tmp_path / 'web' / 'pid').write_text(str(MASTER))
    yield tmp_path / 'web'
    for name in [each for each in sys.modules if each.split('.')[0] == 'pools']:
        del sys.modules[name]


def module(name: str) -> Any:
    return importlib.import_module(name)


def plan(workers: int, handler: str = 'wait', port: int = 0) -> Any:
    return module('pools.plan').Plan(workers, handler, port)


@dataclass
class FakeControl:
    """Has workers; each answer that `lost` names, by its turn, never arrives."""

    target: int = 1
    ending: int = 0
    lost: tuple[int, ...] = ()
    asked: list[str] = field(default_factory=list)

    def __call__(self, folder: Path, command: str) -> dict[str, Any]:
        self.asked.append(command)
        words = command.split()
        if words[0] == 'worker':
            change = int(words[2])
            self.target += change if words[1] == 'add' else -change
            self.ending = 2 if words[1] == 'remove' else 0
        if len(self.asked) in self.lost:
            raise module('pools.control').UnreachableError
        for each in (folder / 'ready').iterdir():
            each.unlink()
        for number in range(self.target):
            (folder / 'ready' / str(number)).touch()
        found = {'workers_target': self.target, 'workers_current': self.target + self.ending}
        self.ending = max(0, self.ending - 1)
        return found


@dataclass
class FakeProcesses:
    """Processes that end by the signals that they are said to listen to."""

    alive: set[int]
    ended_by: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGKILL)
    sent: list[tuple[int, signal.Signals]] = field(default_factory=list)

    def ids(self) -> set[int]:
        return set(self.alive)

    def send(self, pid: int, number: signal.Signals) -> None:
        self.sent.append((pid, number))
        if number in self.ended_by:
            self.alive -= {pid} if number == signal.SIGKILL else set(self.alive)


def pool(control: FakeControl, processes: FakeProcesses) -> Any:
    return module('pools.running').RunningPool('web', control, lambda arguments: processes)


@pytest.mark.parametrize(('before', 'after'), [(1, 4), (4, 1), (3, 3)])
@pytest.mark.parametrize('lost', [(), (1,), (2,), (1, 2, 3)], ids=str)
def test_scaling(folder: Path, before: int, after: int, lost: tuple[int, ...]) -> None:
    """There are as many workers as there should be, whichever answers are lost."""
    plan(before, port=20080).write(folder)
    control = FakeControl(before, lost=lost)
    put = pool(control, FakeProcesses({MASTER})).put(plan(after))
    assert (put.workers, put.port) == (after, 20080)
    assert (control.target, control.ending) == (after, 0)
    assert json.loads((folder / 'pool.json').read_text())['workers'] == after


def test_ends_meanwhile(folder: Path) -> None:
    """A pool that ends while it is changed is told, and not waited for."""
    plan(1, port=20080).write(folder)
    processes = FakeProcesses({MASTER})
    fake = FakeControl()

    def ask(folder: Path, command: str) -> dict[str, Any]:
        if command.startswith('worker'):
            processes.alive.clear()
            raise module('pools.control').UnreachableError
        return fake(folder, command)

    running = module('pools.running').RunningPool('web', ask, lambda arguments: processes)
    with pytest.raises(module('pools.errors').PoolError, match='have ended meanwhile'):
        running.put(plan(4))


@pytest.mark.parametrize('alive', [set(), {MASTER + 1}], ids=['none', 'orphans'])
def test_gone(alive: set[int]) -> None:
    """Without its master a pool does not run, whoever has the number or is left of it."""
    control = FakeControl()
    assert pool(control, FakeProcesses(alive)).workers() is None
    assert control.asked == []


def test_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool that never answers does not run, as far as its users are concerned."""
    monkeypatch.setattr(module('pools.running'), 'ANSWER', 0.1)
    control = FakeControl(lost=tuple(range(1000)))
    assert pool(control, FakeProcesses({MASTER})).workers() is None
    assert control.asked


def test_end(folder: Path) -> None:
    """The master is asked to end, which ends its workers after their last answers."""
    processes = FakeProcesses({MASTER, 78, 79})
    pool(FakeControl(), processes).end()
    assert processes.sent == [(MASTER, signal.SIGTERM)]
    assert not folder.exists()


def test_end_by_force(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not listen is killed, each process of it."""
    monkeypatch.setattr(module('pools.running'), 'GRACE', 0.1)
    processes = FakeProcesses({MASTER, 78}, ended_by=(signal.SIGKILL,))
    pool(FakeControl(), processes).end()
    assert {each for each in processes.sent if each[1] == signal.SIGKILL} == {
        (MASTER, signal.SIGKILL),
        (78, signal.SIGKILL),
    }
    assert not folder.exists()


def test_cannot_be_ended(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that nothing ends is told, and its folder is kept, by which it is found again."""
    monkeypatch.setattr(module('pools.running'), 'GRACE', 0.1)
    with pytest.raises(module('pools.errors').PoolError, match='cannot be ended'):
        pool(FakeControl(), FakeProcesses({MASTER}, ended_by=())).end()
    assert folder.exists()


def test_without_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the program by itself is told what it needs."""
    monkeypatch.delenv('PROCESSES_FOLDER')
    with pytest.raises(module('pools.errors').PoolError, match='PROCESSES_FOLDER'):
        pool(FakeControl(), FakeProcesses(set()))


def test_one_folder_by_two_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes are found by what they were started with, whatever links lead to the folder."""
    link = tmp_path.parent / f'{tmp_path.name}-link'
    link.symlink_to(tmp_path)
    found: list[Any] = []
    for folder in (tmp_path, link, link / 'web' / '..'):
        monkeypatch.setenv('PROCESSES_FOLDER', str(folder))
        module('pools.running').RunningPool('web', FakeControl(), found.append)
    assert found[1:] == found[:1] * 2


@pytest.mark.parametrize('text', ['', '{', '[]', '{"workers": 1}'])
def test_damaged_plan(folder: Path, text: str) -> None:
    """What is no plan counts as none."""
    (folder / 'pool.json').write_text(text)
    assert module('pools.plan').read(folder) is None


OLD = {'name': 'web', 'workers': 2.0, 'handler': 'wait', 'port': 20080.0, 'wanted_port': 0.0}


@pytest.mark.parametrize(
    ('news', 'changes', 'replaces'),
    [
        ({}, False, []),
        ({'workers': 3}, True, []),
        ({'handler': 'hello'}, True, ['handler']),
        ({'wanted_port': 20080}, False, []),
        ({'wanted_port': 20081}, True, ['wanted_port']),
    ],
)
def test_differences(news: dict[str, Any], changes: bool, replaces: list[str]) -> None:
    """Another number of workers is a change; another handler or port makes a new pool."""
    given = {'name': 'web', 'workers': 2, 'handler': 'wait', 'wanted_port': 0, **news}
    found = module('pools.pool').PoolProvider().diff('web', OLD, given)
    assert (found.changes, found.replaces) == (changes, replaces)
    assert found.delete_before_replace


def test_processes() -> None:
    """Processes are known by their whole command, and only they get a signal."""
    script = 'import sys; sys.stdin.read()'
    ours = [sys.executable, '-c', script, 'ours']
    with (
        subprocess.Popen(ours, stdin=subprocess.PIPE) as one,
        subprocess.Popen([*ours, 'more'], stdin=subprocess.PIPE) as other,
    ):
        found = module('pools.processes').Processes(ours[1:])
        # A child is its parent until it has become the command.
        while not found.ids():
            assert one.poll() is None
        assert found.ids() == {one.pid}
        found.send(other.pid, signal.SIGKILL)
        found.send(one.pid, signal.SIGKILL)
        assert one.wait() == -signal.SIGKILL
        assert found.ids() == set()
        found.send(one.pid, signal.SIGKILL)
        other.communicate()
        assert other.returncode == 0


def test_ports() -> None:
    """A port is free when nobody listens on it, and chosen where outgoing connections have none."""
    found = module('pools.ports')
    with socket.create_server(('127.0.0.1', 0)) as listener:
        assert not found.is_free(listener.getsockname()[1])
    chosen = found.choose()
    assert 20000 <= chosen <= 29999
    assert found.is_free(chosen)


def test_numbers_of_workers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker gets the lowest number that none has, so that figures have a bounded place."""

    @dataclass
    class Worker:
        number: int = -1

    @dataclass
    class Server:
        WORKERS: dict[int, Worker]

    plan(3, port=20080).write(folder)
    monkeypatch.chdir(folder)
    served = runpy.run_path(str(PROGRAM / 'served' / 'pool.py'))
    assert (served['workers'], served['bind']) == (3, '127.0.0.1:20080')
    fresh = Worker()
    served['pre_fork'](Server({1: Worker(0), 2: Worker(2)}), fresh)
    assert fresh.number == 1


def test_versions() -> None:
    """The pool's packages are of the versions that the service has, so that both are raised."""
    ours = (ROOT / 'requirements.txt').read_text().splitlines()
    for each in (PROGRAM / 'requirements.txt').read_text().splitlines():
        assert each in ours


def test_folder_of_the_platform(tmp_path: Path) -> None:
    """A program that needs processes gets a folder that is the service's alone."""
    found = Servers(Settings(state_dir=tmp_path / 'state')).variables({'processes'}, print)
    place = Path(found['PROCESSES_FOLDER'])
    assert place == tmp_path / 'state' / 'servers' / 'processes'
    assert os.stat(place).st_mode & 0o777 == 0o700


def test_shared_records(tmp_path: Path) -> None:
    """Where several hosts may share the stacks, no program starts processes on one of them."""
    settings = Settings(state_dir=tmp_path, database_url='postgresql://u@h/d')
    with pytest.raises(ServerError, match='on one machine'):
        Servers(settings).variables({'processes'}, print)
