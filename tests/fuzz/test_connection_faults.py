"""However a client leaves, and in whatever state of its connection, the worker lives on."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest

from tests.fuzz import wire
from tests.fuzz.conftest import CountSent
from tests.fuzz.wire import GOOD, request
from tests.service import Service

# The kernel makes the least of it that a buffer can be, some KB.
TINY = 1
LONG_HEAD = b'GET / HTTP/1.1\r\nX-A: ' + b'a' * 40_000

# What is sent, and the status of the last answer to it.
EXCHANGES = {
    'kept': (request(), 200),
    'closed': (GOOD, 200),
    'pipelined': (request() + GOOD, 200),
    'refused': (request(b'GET / HTTP/1.1', b'no colon'), 400),
    'with a body': (request(b'GET /id HTTP/1.1', b'Content-Length: 5', body=b'abcde'), 413),
    'with a body that is read': (
        request(b'POST /v1/programs HTTP/1.1', b'Content-Length: 500', body=b'a' * 500),
        405,
    ),
    'too long': (LONG_HEAD, 431),
}


def half_close(connection: socket.socket) -> None:
    """Say that no more will come, and stay."""
    connection.shutdown(socket.SHUT_WR)


def stay(connection: socket.socket) -> None:
    """Say nothing more, and read nothing."""


ENDS: list[Callable[[socket.socket], None]] = [
    wire.reset,
    half_close,
    socket.socket.close,
    stay,
]
ENDS_IDS = [each.__name__ for each in ENDS]


def send(connection: socket.socket, data: bytes) -> None:
    """Send as much as the service takes."""
    with suppress(OSError):
        connection.sendall(data)


def end(connection: socket.socket, how: Callable[[socket.socket], None]) -> None:
    with suppress(OSError):  # it was quicker
        how(connection)


def cuts(data: bytes) -> list[int]:
    """Return every position in a short request, and those around a buffer's end in a long one."""
    if len(data) < 1_000:
        return list(range(len(data) + 1))
    return [1, 1_000, 4_095, 8_191, 32_767, 32_768, 32_769, len(data) - 1, len(data)]


@pytest.mark.parametrize('how', ENDS, ids=ENDS_IDS)
@pytest.mark.parametrize('kind', EXCHANGES)
def test_leaves_at_a_byte(
    service: Service, count_sent: CountSent, kind: str, how: Callable[[socket.socket], None]
) -> None:
    """A client that leaves at whichever byte of its request takes nobody with it."""
    data, _ = EXCHANGES[kind]
    with ExitStack() as stack:
        for cut in cuts(data):
            connection = stack.enter_context(wire.connect(service))
            send(connection, data[:cut])
            end(connection, how)
        count_sent(len(cuts(data)))


@pytest.mark.parametrize('how', ENDS, ids=ENDS_IDS)
@pytest.mark.parametrize('kind', EXCHANGES)
def test_leaves_after_the_answer(
    service: Service, count_sent: CountSent, kind: str, how: Callable[[socket.socket], None]
) -> None:
    """A client that leaves a kept connection, or one that is being ended, takes nobody with it."""
    data, status = EXCHANGES[kind]
    with wire.connections(service, 20) as leaving:
        for connection in leaving:
            send(connection, data)
        for connection in leaving:
            answer = b''
            while status not in wire.statuses(answer):
                received = connection.recv(65536)
                assert received
                answer += received
            end(connection, how)
        count_sent(len(leaving))


@pytest.mark.parametrize('size', [40_000, 1_000_000])
def test_resets_after_a_long_head(
    service: Service, count_sent: CountSent, whole: bool, size: int
) -> None:
    """A client that resets while it is told that its head is too long takes nobody with it."""
    count = 3_000 if whole else 300
    for _ in range(count):
        connection = wire.connect(service)
        send(connection, b'a' * size)
        wire.reset(connection)
    count_sent(count)


# How a client ends, behind which request; the bounded form has each once, as each takes seconds.
LASTS = {'too long': LONG_HEAD, 'refused': request(b'no request'), 'silent': b'', 'closed': GOOD}
DEAF = [
    pytest.param(
        how,
        last,
        id=f'{how.__name__}-{name}',
        marks=() if one == other else pytest.mark.slow,
    )
    for one, how in enumerate(ENDS)
    for other, (name, last) in enumerate(LASTS.items())
]


@pytest.mark.parametrize(('how', 'last'), DEAF)
def test_reads_nothing(
    service: Service, count_sent: CountSent, how: Callable[[socket.socket], None], last: bytes
) -> None:
    """A client whose buffers are full, and the service's for it, takes nobody with it."""
    asked = request(b'GET /openapi.json HTTP/1.1') * 200 + last
    with wire.connections(service, 20, receive_buffer=TINY) as deaf:
        for connection in deaf:
            connection.setblocking(False)
            send(connection, asked)
        assert service.get('/healthz').status_code == 200
        for connection in deaf:
            end(connection, how)
        count_sent(len(deaf))


def wander(service: Service, seed: int) -> None:
    """Do what no client should, in an order that nobody has thought of."""
    rng = random.Random(seed)
    pieces = [data for data, _ in EXCHANGES.values()]
    with wire.connect(service, rng.choice([0, TINY])) as connection:
        connection.setblocking(False)
        for _ in range(rng.randint(1, 6)):
            data = rng.choice(pieces)
            send(connection, data[: rng.randint(0, len(data))])
            with suppress(OSError):
                connection.recv(rng.choice([1, 100, 65536]))
        end(connection, rng.choice(ENDS))


def test_wanders(service: Service, count_sent: CountSent, whole: bool, seed: int) -> None:
    """Many clients at once that send, read and leave at random take nobody with them."""
    count = 20_000 if whole else 400
    with ThreadPoolExecutor(16) as pool:
        for _ in pool.map(lambda each: wander(service, seed + each), range(count)):
            pass
    count_sent(count)
