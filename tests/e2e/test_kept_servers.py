"""Keeping a server running: a small real one stands for all."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
import requests

from servers import ports
from servers.errors import ServerError
from servers.kept import MOST_FAILURES, Kept, Kind
from tests.doers import await_that
from tests.paths import ROOT

SERVER = """
import http.server, os, pathlib, sys
folder, port = pathlib.Path(sys.argv[1]), int(sys.argv[2])
with (folder / 'starts').open('a') as starts:
    starts.write(f'{os.getpid()}\\n')
if (folder / 'broken').exists():
    sys.exit('it is broken, says the test')
if (folder / 'fertile').exists() and not os.fork():
    (folder / 'child').write_text(str(os.getpid()))
    os.setsid()
    while True:
        pass
http.server.HTTPServer(('127.0.0.1', port), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


class Small(Kind):
    """A server that lists a folder."""

    name = 'small server'

    def __init__(self) -> None:
        self.obstacle: ServerError | None = None
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def prepare(self) -> None:
        self.may_go_on.wait()
        if self.obstacle:
            raise self.obstacle

    def give_up(self) -> None:
        self.obstacle = ServerError('given up')
        self.may_go_on.set()

    def command(self, folder: Path, ports: Sequence[int]) -> list[str]:
        return [sys.executable, '-c', SERVER, str(folder), str(ports[0])]

    def environ(self, folder: Path) -> Mapping[str, str]:
        return {}

    def answers(self, ports: Sequence[int]) -> bool:
        try:
            return requests.get(f'http://127.0.0.1:{ports[0]}', timeout=2).ok
        except requests.RequestException:
            return False


def starts(folder: Path) -> list[int]:
    """Return the pids of all servers that were started."""
    return [int(line) for line in (folder / 'starts').read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except FileNotFoundError:
        return False


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    found = Kept(tmp_path, Small())
    yield found
    found.close()


def test_started_once(kept: Kept, tmp_path: Path) -> None:
    """It starts with the first use, and all who use it find the same one."""
    assert not kept.was_used
    second = Kept(tmp_path, Small())
    assert kept.ports() == kept.ports() == second.ports()
    assert len(starts(tmp_path)) == 1
    assert kept.was_used
    second.close()


def test_ends(kept: Kept, tmp_path: Path) -> None:
    """It ends with whoever keeps it, and its address stays its own for the next time."""
    before = kept.ports()
    kept.close()
    assert not is_alive(starts(tmp_path)[0])
    again = Kept(tmp_path, Small())
    assert again.ports() == before
    again.close()


def test_restarted(kept: Kept, tmp_path: Path) -> None:
    """One that dies is started again, at the same address."""
    before = kept.ports()
    os.kill(starts(tmp_path)[0], signal.SIGKILL)
    await_that(lambda: len(starts(tmp_path)) == 2)
    assert kept.ports() == before


def test_address_is_taken(kept: Kept, tmp_path: Path) -> None:
    """Where somebody else has taken its port meanwhile, it gets another one."""
    [before] = kept.ports()
    kept.close()
    with socket.create_server(('127.0.0.1', before)):
        again = Kept(tmp_path, Small())
        assert again.ports() != [before]
        again.close()


def test_taken_over(kept: Kept, tmp_path: Path) -> None:
    """Who waits for the lock goes on with the server when its keeper ends."""
    before = kept.ports()
    second = Kept(tmp_path, Small())
    second.begin()
    kept.close()
    await_that(lambda: len(starts(tmp_path)) == 2)
    assert second.ports() == before
    second.close()


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGTERM])
def test_keeper_is_killed(tmp_path: Path, number: int) -> None:
    """A server ends with the process that keeps it, also when that is killed."""
    code = (
        f'import pathlib, sys, time; from {__name__} import Small; '
        'from servers.kept import Kept; '
        'Kept(pathlib.Path(sys.argv[1]), Small()).ports(); print("up", flush=True); time.sleep(60)'
    )
    with subprocess.Popen(
        [sys.executable, '-c', code, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE
    ) as keeper:
        assert keeper.stdout is not None
        assert keeper.stdout.readline() == b'up\n'
        [server] = starts(tmp_path)
        assert is_alive(server)
        keeper.send_signal(number)
    await_that(lambda: not is_alive(server))
    after = Kept(tmp_path, Small())
    after.ports()
    after.close()


def test_broken_server(kept: Kept, tmp_path: Path) -> None:
    """One that ends as it starts is told with its last words, and is tried again when asked for."""
    (tmp_path / 'broken').touch()
    with pytest.raises(ServerError, match='it is broken, says the test'):
        kept.ports()
    assert len(starts(tmp_path)) == MOST_FAILURES
    (tmp_path / 'broken').unlink()
    assert kept.ports()


def test_cannot_be_prepared(tmp_path: Path) -> None:
    """What stands in the way is told, and the next one who asks has it tried again."""
    kind = Small()
    kind.obstacle = ServerError('no index in reach')
    kept = Kept(tmp_path, kind)
    with pytest.raises(ServerError, match='no index in reach'):
        kept.ports()
    kind.obstacle = None
    assert kept.ports()
    kept.close()


def test_closed_while_it_is_prepared(tmp_path: Path) -> None:
    """The end of the service does not wait for a server to be made ready."""
    kind = Small()
    kind.may_go_on.clear()
    kept = Kept(tmp_path, kind)
    kept.begin()
    kept.close()
    assert not (tmp_path / 'starts').exists()


def test_given_up_by_whoever_waits(kept: Kept) -> None:
    """Who waits for a server may stop to do so."""

    def pause(seconds: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        kept.ports(pause)


def test_ports() -> None:
    """Ports are free ones, and those of before while nobody else has them."""
    first = ports.choose(2)
    assert len(set(first)) == 2
    assert ports.choose(2, first) == first
    with socket.create_server(('127.0.0.1', first[0])):
        assert first[0] not in ports.choose(2, first)


def test_made_ready_in_a_later_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it has served before, to make it ready may take its time."""
    monkeypatch.setattr('servers.kept.START_DEADLINE', 0.5)
    first = Kept(tmp_path, Small())
    before = first.ports()
    first.close()
    kind = Small()
    kind.may_go_on.clear()
    later = Kept(tmp_path, kind)
    threading.Timer(1.5, kind.may_go_on.set).start()
    assert later.ports() == before
    later.close()


def test_others_try_too(tmp_path: Path) -> None:
    """Where one process cannot have it started, another one gets its chance."""
    kind = Small()
    kind.obstacle = ServerError('not here')
    failing = Kept(tmp_path, kind)
    with pytest.raises(ServerError, match='not here'):
        failing.ports()
    other = Kept(tmp_path, Small())
    assert other.ports()
    other.close()
    failing.close()


def test_file_cut_short(tmp_path: Path) -> None:
    """A file of ports that a full disk has cut is as none."""
    (tmp_path / 'ports.json').write_text('{"po')
    (tmp_path / 'address.json').touch()
    kept = Kept(tmp_path, Small())
    assert kept.ports()
    kept.close()


@pytest.mark.parametrize('ending', ['killed', 'closed'])
def test_children_end_too(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    """What a server has started, and is busy, ends before there is another one."""
    monkeypatch.setattr('servers.lineage.PATIENCE', 0.2)
    (tmp_path / 'fertile').touch()
    kept.ports()
    await_that((tmp_path / 'child').exists)
    child = int((tmp_path / 'child').read_text())
    (tmp_path / 'fertile').unlink()
    if ending == 'killed':
        os.kill(starts(tmp_path)[0], signal.SIGKILL)
        await_that(lambda: len(starts(tmp_path)) == 2)
    else:
        kept.close()
    # Killed, it takes a moment to be gone.
    await_that(lambda: not is_alive(child))


def test_hanging(kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that runs and does not answer any more is started again, however it takes its end."""
    before = kept.ports()
    [pid] = starts(tmp_path)
    for name, value in (('CHECK_EVERY', 0.1), ('MOST_MISSED', 1), ('GRACE', 0.2)):
        monkeypatch.setattr(f'servers.kept.{name}', value)
    os.kill(pid, signal.SIGSTOP)
    await_that(lambda: not is_alive(pid))
    # Before the next one, which on a busy machine may not answer that soon.
    monkeypatch.undo()
    await_that(lambda: len(starts(tmp_path)) == 2)
    assert kept.ports() == before
