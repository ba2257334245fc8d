"""The main loop of the worker: whatever a socket answers there, at most its connection ends."""

from __future__ import annotations

import errno
import hashlib
import inspect
import logging
import re
import select
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from types import ModuleType
from typing import Any

import gunicorn  # type: ignore[import-untyped]
import pytest
from gunicorn.config import Config  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]
from gunicorn.http import body, message, parser, unreader, wsgi  # type: ignore[import-untyped]
from gunicorn.workers import base, gthread  # type: ignore[import-untyped]

from tests.paths import ROOT
from web.bodies import MAX_BODY, MAX_CONTENT
from web.connections import BODY_TIMEOUT, MOST_LARGE, READ_SIZE, SLOWEST, Connection, GuardedWorker
from web.heads import MAX_HEAD

DEADLINE = 30.0
REQUEST = b'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
LAST = b'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
TOO_LONG = b'a' * (MAX_HEAD + 1)
# Longer than what is received at once.
BODY = b'b' * MAX_BODY
POST = b'POST /v1/echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n' % MAX_BODY
CONTENT = b'POST /sites HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n' % MAX_CONTENT
# Far more than fits in the buffers of both ends.
LARGE = b'c' * (8 * 1024 * 1024)
GET_LARGE = b'GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
EXPECTING = POST + b'Expect: 100-continue\r\n\r\n'
ERRORS = [
    *(errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN, errno.EBADF, errno.EINVAL),
    *(errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM, errno.ENOSPC, errno.ETIMEDOUT),
]


class Fault:
    """Lets one call of many fail, counted over all that may."""

    def __init__(self, fails: int = 0, number: int = 0) -> None:
        self.calls = 0
        self._fails = fails
        self._number = number

    def __call__(self) -> None:
        self.calls += 1
        if self.calls == self._fails:
            raise OSError(self._number, 'as the test wants')


class FaultySocket(socket.socket):
    """A connection whose calls may fail."""

    fault: Fault

    def setsockopt(self, *args: Any) -> None:
        self.fault()
        super().setsockopt(*args)

    def setblocking(self, flag: bool) -> None:
        self.fault()
        super().setblocking(flag)

    def recv(self, *args: Any) -> bytes:
        self.fault()
        return super().recv(*args)

    def send(self, *args: Any) -> int:
        self.fault()
        return super().send(*args)

    def sendall(self, *args: Any) -> None:
        self.fault()
        super().sendall(*args)

    def shutdown(self, how: int) -> None:
        self.fault()
        super().shutdown(how)


class FaultyListener(socket.socket):
    """A listener whose accept may fail, and whose connections' calls may."""

    fault: Fault

    def accept(self) -> tuple[socket.socket, Any]:
        self.fault()
        accepted, address = super().accept()
        connection = FaultySocket(fileno=accepted.detach())
        connection.fault = self.fault
        return connection, address


class FaultyPoller(selectors.DefaultSelector):
    """A poller that may have no room for one more socket."""

    fault: Fault

    def register(self, *args: Any) -> selectors.SelectorKey:
        self.fault()
        return super().register(*args)


def app(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterator[bytes]:
    answer = {'/v1/echo': environ['wsgi.input'].read(), '/large': LARGE}.get(
        environ['PATH_INFO'], b'hello'
    )
    start_response('200 OK', [('Content-Length', str(len(answer)))])
    yield answer
    if environ['PATH_INFO'] == '/broken':
        raise ZeroDivisionError
    if environ['PATH_INFO'] == '/ended':
        raise KeyboardInterrupt


def statuses(answer: bytes) -> list[bytes]:
    return re.findall(rb'HTTP/1.1 (\d+)', answer)


class Loop:
    """A worker's main loop, of which the test takes each turn."""

    def __init__(self) -> None:
        config = Config()
        config.set('threads', 2)
        config.set('loglevel', 'critical')
        self.listener = FaultyListener()
        self.listener.bind(('127.0.0.1', 0))
        self.listener.listen()
        self.worker = GuardedWorker(1, 1, [self.listener], None, 30, config, Logger(config))
        self.worker.wsgi = app
        self.worker.tpool = self.worker.get_thread_pool()
        self.worker.poller = FaultyPoller()
        self.worker.method_queue.init()
        self.begin(Fault())
        queue = self.worker.method_queue
        self.worker.poller.register(queue.fileno(), selectors.EVENT_READ, queue.run_callbacks)
        self.worker.poller.register(self.listener, selectors.EVENT_READ, self.worker.accept)

    def begin(self, fault: Fault) -> None:
        """Count the calls from here on, and let one fail."""
        self.listener.fault = self.worker.poller.fault = fault

    def turn_until(self, condition: Callable[[], object]) -> None:
        ends_at = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < ends_at
            self.worker.wait_for_and_dispatch_events(0.01)
            self.worker.murder_pending()

    def connect(self) -> socket.socket:
        """Return a client's connection."""
        return socket.create_connection(self.listener.getsockname(), timeout=DEADLINE)

    def exchange(self, data: bytes, then: bytes = b'', *, all_gone: bool = True) -> list[bytes]:
        """Send something as a client, and return the statuses that come until the end."""
        return statuses(self.answer(data, then, all_gone=all_gone))

    def answer(self, data: bytes, then: bytes = b'', *, all_gone: bool = True) -> bytes:
        """Send something, and more when an answer comes; return all that comes until the end.

        all_gone: wait until there is no connection any more.
        """
        answer = bytearray()
        rest = [then]
        with socket.create_connection(self.listener.getsockname()) as client:
            client.setblocking(False)
            client.send(data)

            def is_at_end() -> bool:
                try:
                    received = client.recv(65536)
                    if rest:
                        client.send(rest.pop())
                except BlockingIOError:
                    return False
                except (ConnectionResetError, BrokenPipeError):
                    return True
                answer.extend(received)
                return not received

            self.turn_until(is_at_end)
        self.turn_until(lambda: not all_gone or self.worker.nr_conns == 0)
        return bytes(answer)

    def close(self) -> None:
        self.worker.tpool.shutdown()
        self.worker.poller.close()
        self.worker.method_queue.close()
        self.worker.tmp.close()
        self.listener.close()


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()


EXCHANGES = {
    '1': [LAST],
    '2': [REQUEST + LAST],
    '431': [REQUEST + TOO_LONG],
    'body': [POST + b'\r\n' + BODY + LAST],
    'body in the end': [EXPECTING, BODY + LAST],
}


@pytest.mark.parametrize('data', EXCHANGES.values(), ids=EXCHANGES)
@pytest.mark.parametrize('number', ERRORS, ids=errno.errorcode.get)
def test_an_error_ends_its_connection(loop: Loop, data: list[bytes], number: int) -> None:
    """Whichever call of a socket or of the poller fails, the loop goes on and loses no count."""
    counted = Fault()
    loop.begin(counted)
    whole = loop.exchange(*data)
    for fails in range(1, counted.calls + 1):
        loop.begin(Fault(fails, number))
        answer = loop.exchange(*data)
        assert answer == whole[: len(answer)]
        assert not loop.worker.waiting
    loop.begin(Fault())
    assert loop.exchange(*data) == whole


def test_body_arrives_whole(loop: Loop) -> None:
    """A route reads the whole body, and the request behind it is answered too."""
    answer = loop.answer(POST + b'\r\n' + BODY + LAST)
    assert statuses(answer) == [b'200', b'200']
    assert BODY in answer


def test_body_that_is_expected(loop: Loop) -> None:
    """A client that waits to be asked for its body is asked once, and keeps its connection."""
    answer = loop.answer(EXPECTING, BODY + LAST)
    assert statuses(answer) == [b'100', b'200', b'200']
    assert BODY in answer


def test_body_that_is_left(loop: Loop) -> None:
    """What a route leaves of a body is not taken for the next request."""
    inner = b'GET /inner HTTP/1.1\r\n\r\n'
    data = POST.replace(b'/echo', b'/other') + b'\r\n' + inner + BODY[len(inner) :]
    assert loop.exchange(data + LAST) == [b'200', b'200']


@pytest.mark.parametrize('length', [b'%d' % (MAX_BODY + 1), b'0, 5', b'5\r\nContent-Length: 5'])
@pytest.mark.parametrize('path', [b'/v1/echo', b'/'])
def test_body_that_is_not_collected(loop: Loop, path: bytes, length: bytes) -> None:
    """A body that the loop does not collect is waited for by nobody, and ends its connection."""
    head = b'POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %s\r\nExpect: 100-continue\r\n\r\n'
    assert loop.exchange(head % (path, length) + LAST) in ([b'200'], [b'400'])


def test_body_that_does_not_come(loop: Loop) -> None:
    """A client that leaves its body out is cut when its time is over, and holds no thread."""
    with socket.create_connection(loop.listener.getsockname()) as client:
        client.send(EXPECTING)
        loop.turn_until(lambda: bool(loop.worker.waiting))
        loop.turn_until(lambda: client.recv(100, socket.MSG_PEEK).startswith(b'HTTP/1.1 100'))
        [waiting] = loop.worker.waiting
        assert waiting.timeout <= time.monotonic() + BODY_TIMEOUT
        client.send(BODY[:100])
        loop.turn_until(lambda: waiting.missing == MAX_BODY - 100)
        waiting.timeout = time.monotonic()
        loop.turn_until(lambda: loop.worker.nr_conns == 0)
        assert loop.worker.nr == 0


def large_ones(loop: Loop) -> list[Connection]:
    """Return the connections that have a place for a large body."""
    return [each for each in loop.worker.waiting if each.is_large]


@pytest.fixture
def places_taken(loop: Loop) -> Iterator[list[socket.socket]]:
    """The clients that have all places for large bodies, and have sent a part of them."""
    address = loop.listener.getsockname()
    with ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(address)) for _ in range(MOST_LARGE)
        ]
        for client in clients:
            client.sendall(CONTENT + BODY)
        rest = [MAX_CONTENT - MAX_BODY] * MOST_LARGE
        loop.turn_until(lambda: [each.missing for each in large_ones(loop)] == rest)
        yield clients


def test_many_large_bodies(loop: Loop, places_taken: list[socket.socket]) -> None:
    """Of bodies that take much memory some may come at the same time; others are told to wait."""
    # What is small is none of these.
    for data, status in ((CONTENT, b'503'), (POST + b'\r\n' + BODY, b'200')):
        with socket.create_connection(loop.listener.getsockname()) as client:
            client.send(data)
            loop.turn_until(partial(has_answer, client))
            assert client.recv(100).startswith(b'HTTP/1.1 ' + status)
            assert len(large_ones(loop)) == MOST_LARGE


def test_no_place_for_a_large_body(loop: Loop, places_taken: list[socket.socket]) -> None:
    """A client that sends all of its body before it looks still gets the answer that it waits."""
    with ThreadPoolExecutor(1) as pool, loop.connect() as client:
        sent = pool.submit(client.sendall, CONTENT + b'b' * MAX_CONTENT)
        loop.turn_until(sent.done)
        sent.result()
        loop.turn_until(partial(has_answer, client))
        answer = client.recv(READ_SIZE)
    assert statuses(answer) == [b'503']


def test_endless_body_without_a_place(loop: Loop, places_taken: list[socket.socket]) -> None:
    """A client that is told to wait and never ends its body is cut, however fast it sends."""
    with ThreadPoolExecutor(1) as pool, loop.connect() as client:
        sent = pool.submit(client.sendall, CONTENT + b'b' * 4 * MAX_CONTENT)
        loop.turn_until(sent.done)
        assert isinstance(sent.exception(), ConnectionError)


def test_silent_large_body(loop: Loop, places_taken: list[socket.socket]) -> None:
    """What has come of a large body buys no more than the time in which it comes."""
    [client, *_] = places_taken
    assert all(each.timeout <= time.monotonic() + BODY_TIMEOUT for each in large_ones(loop))
    ends_at = time.monotonic() + BODY_TIMEOUT / 2
    for each in large_ones(loop):
        each.timeout = ends_at
    client.sendall(BODY)
    rest = MAX_CONTENT - 2 * MAX_BODY
    loop.turn_until(lambda: rest in [each.missing for each in large_ones(loop)])
    put_off = {each.missing: each.timeout - ends_at for each in large_ones(loop)}
    assert put_off == {rest + MAX_BODY: 0, rest: pytest.approx(MAX_BODY / SLOWEST)}


def test_fast_large_body_is_not_kept_longer(loop: Loop) -> None:
    """However much has come at once, a client that goes silent then has the same time as any."""
    with ThreadPoolExecutor(1) as pool, loop.connect() as client:
        sent = pool.submit(client.sendall, CONTENT + b'b' * (MAX_CONTENT - 1))
        loop.turn_until(sent.done)
        loop.turn_until(lambda: [each for each in large_ones(loop) if each.missing == 1])
        [waiting] = large_ones(loop)
        assert waiting.timeout <= time.monotonic() + BODY_TIMEOUT
        client.send(b'b')
        loop.turn_until(partial(has_answer, client))


@pytest.fixture
def logged(loop: Loop, caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Has what the worker logs as an error."""
    log = loop.worker.log.error_log
    log.addHandler(caplog.handler)
    log.setLevel(logging.ERROR)
    yield caplog
    log.removeHandler(caplog.handler)


def test_clients_that_do_not_read(loop: Loop, logged: pytest.LogCaptureFixture) -> None:
    """Clients that read nothing of an answer too large for the buffers free their threads."""
    loop.worker.send_timeout = 0.5
    with ExitStack() as stack:
        for _ in range(loop.worker.cfg.threads):
            stack.enter_context(loop.connect()).sendall(GET_LARGE)
        loop.turn_until(lambda: loop.worker.nr == loop.worker.cfg.threads)
        assert loop.exchange(LAST, all_gone=False) == [b'200']
        loop.turn_until(lambda: loop.worker.nr_conns == 0)
    assert logged.records == []


def test_client_that_reads_slowly(loop: Loop) -> None:
    """A client that reads a large answer slowly but steadily gets all of it."""
    loop.worker.send_timeout = patience = 2.0
    received = bytearray()

    def read(client: socket.socket) -> None:
        pause = 1.5 * patience / (len(LARGE) / READ_SIZE)
        while data := client.recv(READ_SIZE):
            received.extend(data)
            time.sleep(pause)  # as a slow line has it

    with ThreadPoolExecutor(1) as pool, loop.connect() as client:
        client.sendall(GET_LARGE)
        loop.turn_until(pool.submit(read, client).done)
    assert received.endswith(b'\r\n\r\n' + LARGE)


def has_answer(client: socket.socket) -> bool:
    return bool(select.select([client], [], [], 0)[0])


@pytest.mark.parametrize('path', [b'/broken', b'/ended'])
def test_a_thread_fails(loop: Loop, path: bytes) -> None:
    """A request that its thread leaves by an error ends its connection, and not the loop."""
    assert loop.exchange(REQUEST.replace(b'/', path, 1)) == [b'200']
    assert loop.exchange(LAST) == [b'200']


def test_threads_run_from_the_start(loop: Loop) -> None:
    """No thread is left to be started by the loop, where a failure to do so would end it."""
    assert len(loop.worker.tpool._threads) == loop.worker.cfg.threads


@pytest.mark.parametrize(
    ('setting', 'value'),
    [
        ('certfile', __file__),
        ('keyfile', __file__),
        ('protocol', 'uwsgi'),
        ('proxy_protocol', 'v1'),
        ('http_protocols', 'h1,h2'),
    ],
)
def test_what_cannot_be_guarded_is_refused(setting: str, value: str) -> None:
    """A protocol that does not begin with the head of a request is refused at start."""
    config = Config()
    GuardedWorker.check_config(config, Logger(config))
    config.set(setting, value)
    with pytest.raises(SystemExit, match='nginx'):
        GuardedWorker.check_config(config, Logger(config))


# What web/connections.py was written against. Where one has changed: read what the loop and the
# threads now do with a connection, see that the guard still holds, and only then renew the digest.
WRITTEN_AGAINST = {
    base: '9a39e0e16d623329',
    gthread: '2aa395873b3e9084',
    body: 'c46c000fc93b6be5',
    message: '408e5f03f30353f9',
    parser: '618c7c5a229709e5',
    unreader: 'a28537df77eb34f0',
    wsgi: '2b8be67bf98bb3f1',
}


@pytest.mark.parametrize('module', WRITTEN_AGAINST, ids=lambda module: module.__name__)
def test_gunicorn_is_as_it_was_read(module: ModuleType) -> None:
    """The modules of gunicorn that the guard rests on are the ones that it was written against."""
    source = inspect.getsource(module).encode()
    assert hashlib.sha256(source).hexdigest()[:16] == WRITTEN_AGAINST[module]


def test_gunicorn_is_pinned() -> None:
    """Nobody gets another gunicorn than the one that the guard was written against."""
    assert f'gunicorn=={gunicorn.__version__}\n' in (ROOT / 'requirements.txt').read_text()
