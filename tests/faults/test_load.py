"""More requests than slots, clients that go away, two services on one backend, a long run."""

from __future__ import annotations

import socket
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests import processes
from tests.faults.conftest import Rounds
from tests.faults.held import Held, await_that, serving_held
from tests.problem import assert_problem
from tests.service import Service

CLIENTS = 8
# MB of four slots: an engine grows with its runs until it is replaced, to some 300 MB.
MOST_MEMORY = 4 * 400


def send_and_leave(service: Service, path: str = '/uuid') -> socket.socket:
    """Send a request on a connection of its own; closing it is the caller's."""
    address = urlsplit(service.url)
    connection = socket.create_connection((address.hostname, address.port or 80), timeout=60)
    connection.sendall(f'GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n'.encode())
    return connection


def test_client_disconnects(tmp_path: Path, mode: str) -> None:
    """A client that goes away in mid-update: the run ends, and what it made is destroyed."""
    with serving_held(tmp_path, ENGINE=mode) as held:
        with held.gate.held():
            connection = send_and_leave(held.service)
            held.gate.wait_until_held()
            connection.close()
        held.assert_clean()
        assert held.service.log().count('info: Successfully destroyed the stack') >= 2


def test_fifty_at_once(tmp_path: Path, mode: str) -> None:
    """Fifty requests at once: each is answered, or told when to come again."""
    limit = '16' if mode == 'warm' else '4'
    with serving_held(tmp_path, ENGINE=mode, SLOTS='2', QUEUE_LIMIT=limit) as held:
        held.assert_serves()
        with ThreadPoolExecutor(50) as pool:
            answers = list(pool.map(held.service.get, ['/uuid'] * 50))
        assert_answered_or_told(answers)
        assert any(answer.status_code == 200 for answer in answers)
        held.assert_clean()


def assert_answered_or_told(answers: list[requests.Response]) -> None:
    values = [answer.json()['response'] for answer in answers if answer.status_code == 200]
    assert [str(uuid.UUID(value)) for value in values] == values
    assert len(set(values)) == len(values)
    for answer in answers:
        if answer.status_code != 200:
            assert_problem(answer.status_code, answer.headers, answer.json(), 503)
            assert int(answer.headers['retry-after']) > 0


@pytest.mark.slow
def test_two_services(tmp_path: Path, mode: str) -> None:
    """Two services on one state folder with the same names: neither disturbs the other."""
    with serving_held(tmp_path, ENGINE=mode, SLOT_WAIT='120') as one:
        (tmp_path / 'two').mkdir()
        same = {'STACK': one.service.settings['STACK'], 'STATE_DIR': str(one.service.state)}
        with serving_held(tmp_path / 'two', ENGINE=mode, SLOT_WAIT='120', **same) as two:
            with one.gate.held():
                first = one.send()
                one.gate.wait_until_held()
                others = [two.send() for _ in range(4)]
                answers = [answer.result(timeout=120) for answer in others]
                assert len(one.locks()) == 1, 'the live lock of the held run was not touched'
            answers.append(first.result(timeout=120))
            assert_answered_or_told(answers)
            assert [answer.status_code for answer in answers] == [200] * 5
        one.assert_clean()


@pytest.mark.slow
def test_soak(
    tmp_path: Path, rounds: Rounds, record_property: Callable[[str, object], None]
) -> None:
    """Many requests, some of whose clients go away: no error but 503, and no leak."""
    count = rounds(60, 5000)
    with serving_held(tmp_path, SLOTS='4') as held:
        held.assert_clean()
        soak(held.service, count // 5)
        after_warm_up = footprint(held)
        statuses = soak(held.service, count - count // 5)
        held.assert_clean()
        await_that(lambda: footprint(held)[1] <= after_warm_up[1])
        at_the_end = footprint(held)
    record_property(
        'notes',
        f'answers by status {statuses}; MB and processes after the first fifth '
        f'{after_warm_up[0]:.0f}, {after_warm_up[1]}, at the end '
        f'{at_the_end[0]:.0f}, {at_the_end[1]}',
    )
    assert set(statuses) <= {200, 503}
    assert statuses[200] > statuses.get(503, 0)
    assert at_the_end[0] < MOST_MEMORY


def soak(service: Service, count: int) -> dict[int, int]:
    """Send `count` requests from CLIENTS at once, every tenth leaving early; count the statuses."""
    statuses: dict[int, int] = {}
    lock = threading.Lock()

    def client(number: int) -> None:
        if number % 10 == 0:
            send_and_leave(service).close()
            return
        status = service.get('/uuid').status_code
        with lock:
            statuses[status] = statuses.get(status, 0) + 1

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(client, range(count)))
    return statuses


def footprint(held: Held) -> tuple[float, int]:
    """Return the memory (MB) and the number of the service's processes."""
    pids = [held.service.process.pid, *processes.descendants(held.service.process.pid)]
    return sum(processes.resident(pid) for pid in pids) / 1e6, len(pids)
