"""Whatever bytes arrive and however slowly, there is no defect in the answer and no thread lost."""

from __future__ import annotations

import random
import select
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fuzz import wire
from tests.fuzz.conftest import THREADS, CountSent, assert_serves
from tests.fuzz.wire import CLOSE, GOOD, HOST, request
from tests.paths import ROOT
from tests.service import Service
from web.bodies import MAX_BODY, MAX_CONTENT
from web.connections import MOST_LARGE, SLOWEST

# So many at once that they would hold each thread, were one to be lost for each.
MANY = 2 * THREADS
# For those that a single thread could work off one after the other.
CROWD = 10 * THREADS

BODY = 20 * 1024 * 1024
# Takes bodies, as far as the connection is concerned.
POST = b'POST /v1/programs HTTP/1.1'

INNER = [b'Traceback', b'File "', b'.py', b'site-packages', bytes(ROOT), b'/tmp', b'/usr']


def assert_clean(answer: bytes, allowed: set[int]) -> None:
    """Only `allowed` statuses, and nothing of the inside of the service."""
    found = wire.statuses(answer)
    assert bool(found) == bool(answer), answer
    assert set(found) <= allowed, answer
    for inner in INNER:
        assert inner not in answer


REFUSED = {
    'line of 5 KB': (request(b'GET /' + b'a' * 5_000 + b' HTTP/1.1'), 414),
    'line of 1 MB': (request(b'GET /' + b'a' * 1_000_000 + b' HTTP/1.1'), 431),
    'header of 10 KB': (request(b'GET / HTTP/1.1', b'X-A: ' + b'a' * 10_000), 431),
    'header of 1 MB': (request(b'GET / HTTP/1.1', b'X-A: ' + b'a' * 1_000_000), 431),
    'header name of 10 KB': (request(b'GET / HTTP/1.1', b'a' * 10_000 + b': a'), 431),
    '200 headers': (request(b'GET / HTTP/1.1', *[b'X-A: a'] * 200), 431),
    '100,000 headers': (request(b'GET / HTTP/1.1', *[b'X-A: a'] * 100_000), 431),
    'header without a colon': (request(b'GET / HTTP/1.1', b'X-A'), 400),
    'header without a name': (request(b'GET / HTTP/1.1', b': a'), 400),
    'space before the colon': (request(b'GET / HTTP/1.1', b'X-A : a'), 400),
    'folded header': (request(b'GET / HTTP/1.1', b'X-A: a', b' b'), 400),
    'NUL in a header': (request(b'GET / HTTP/1.1', b'X-A: a\0b'), 400),
    'NUL in a header name': (request(b'GET / HTTP/1.1', b'X\0A: a'), 400),
    'CR in a request id': (request(b'GET / HTTP/1.1', b'X-Request-Id: abcdefgh\rX-Forged: a'), 400),
    'LF in a request id': (request(b'GET / HTTP/1.1', b'X-Request-Id: abcdefgh\nX-Forged: a'), 400),
    'lines that end in LF': (GOOD.replace(b'\r\n', b'\n'), 400),
    'only empty lines': (b'\r\n' * 10, 400),
    'no version': (b'GET /\r\n\r\n', 400),
    'version 9.9': (request(b'GET / HTTP/9.9'), 400),
    'HTTP/2': (b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + b'\0\0\0\x04\0\0\0\0\0', 400),
    'TLS': (b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 400),
    'no method': (request(b' / HTTP/1.1'), 400),
    'method in lower case': (request(b'get / HTTP/1.1'), 400),
    'unknown method': (request(b'BREW / HTTP/1.1'), 400),
    'NUL in the path': (request(b'GET /\0 HTTP/1.1'), 400),
    'byte in the path': (request(b'GET /\xff HTTP/1.1'), 400),
    'space in the path': (request(b'GET /a b HTTP/1.1'), 400),
    'no host': (request(host=b''), 403),
    'foreign host': (request(host=b'Host: example.com\r\n'), 403),
    'two hosts': (request(host=HOST + b'Host: example.com\r\n'), 400),
    'host of bytes': (request(host=b'Host: \xff\xfe\r\n'), 403),
    'length abc': (request(b'POST / HTTP/1.1', b'Content-Length: abc'), 400),
    'length -1': (request(b'POST / HTTP/1.1', b'Content-Length: -1'), 400),
    'length +1': (request(b'POST / HTTP/1.1', b'Content-Length: +1'), 400),
    'length 0x1': (request(b'POST / HTTP/1.1', b'Content-Length: 0x1'), 400),
    'length of a superscript': (request(b'POST / HTTP/1.1', b'Content-Length: \xb2'), 400),
    'no length': (request(b'POST / HTTP/1.1', b'Content-Length:'), 400),
    'length of 5000 digits': (request(b'POST / HTTP/1.1', b'Content-Length: ' + b'9' * 5_000), 400),
    'huge length': (request(b'POST / HTTP/1.1', b'Content-Length: ' + b'9' * 30), 413),
    'body that never comes': (request(b'GET /id HTTP/1.1', b'Content-Length: 1000'), 413),
    'two lengths': (request(b'POST / HTTP/1.1', b'Content-Length: 1', b'Content-Length: 2'), 400),
    'same length twice': (
        request(b'POST / HTTP/1.1', b'Content-Length: 1', b'Content-Length: 1', body=b'a'),
        400,
    ),
    'length and chunks': (
        request(
            *(b'POST / HTTP/1.1', b'Content-Length: 4', b'Transfer-Encoding: chunked'),
            body=b'0\r\n\r\n',
        ),
        400,
    ),
    'chunks in HTTP/1.0': (request(b'POST / HTTP/1.0', b'Transfer-Encoding: chunked'), 400),
    'chunked twice': (
        request(b'POST / HTTP/1.1', b'Transfer-Encoding: chunked, chunked', body=b'0\r\n\r\n'),
        400,
    ),
    'unknown coding': (request(b'POST / HTTP/1.1', b'Transfer-Encoding: xchunked'), 501),
    'coding without chunks': (request(b'POST / HTTP/1.1', b'Transfer-Encoding: gzip'), 400),
    'bad chunk': (
        request(b'POST / HTTP/1.1', b'Transfer-Encoding: chunked', body=b'zz\r\naa\r\n0\r\n\r\n'),
        413,
    ),
    'unknown expectation': (request(b'GET / HTTP/1.1', b'Expect: tea'), 417),
    'body that is too long': (request(POST, b'Content-Length: %d' % (MAX_BODY + 1)), 413),
    'body that is too long and waits': (
        request(POST, b'Content-Length: %d' % (MAX_BODY + 1), b'Expect: 100-continue'),
        413,
    ),
    'body in chunks': (request(POST, b'Transfer-Encoding: chunked', body=b'0\r\n\r\n'), 411),
    'body of two lengths': (request(POST, b'Content-Length: 9', b'Content-Length: 9'), 400),
    'body of a signed length': (request(POST, b'Content-Length: +9'), 400),
    'body of a length and chunks': (
        request(POST, b'Content-Length: 9', b'Transfer-Encoding: chunked'),
        400,
    ),
    'body with an unknown expectation': (
        request(POST, b'Content-Length: 9', b'Expect: tea'),
        417,
    ),
}


@pytest.mark.parametrize('name', REFUSED)
def test_refused(service: Service, count_sent: CountSent, name: str) -> None:
    """A malformed request gets one answer of the right status, and its connection ends."""
    data, status = REFUSED[name]
    for answer in wire.exchange_many(service, MANY, data):
        assert_clean(answer, {status})
        assert b'X-Forged' not in answer.split(b'\r\n\r\n')[0]
        if len(data) < 100_000:  # a client that is still sending may miss the answer
            assert wire.statuses(answer) == [status]
    count_sent(MANY)


HARMLESS = {
    'empty line first': (b'\r\n' + GOOD, 200),
    'absolute form': (request(b'GET http://127.0.0.1/ HTTP/1.1', CLOSE), 200),
    'no path in absolute form': (request(b'GET http://127.0.0.1 HTTP/1.1', CLOSE), 200),
    'HTTP/1.0': (request(b'GET / HTTP/1.0'), 200),
    'bad UTF-8 in the path': (request(b'GET /%ff%fe%c0%af HTTP/1.1', CLOSE), 404),
    'NUL behind percent': (request(b'GET /%00 HTTP/1.1', CLOSE), 404),
    'line break behind percent': (
        request(b'GET /%0d%0aX-Forged:%20a HTTP/1.1', CLOSE),
        404,
    ),
    'broken percent': (request(b'GET /%zz% HTTP/1.1', CLOSE), 404),
    'way up': (request(b'GET /../../../etc/passwd HTTP/1.1', CLOSE), 404),
    'way up behind percent': (request(b'GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1', CLOSE), 404),
    'bad UTF-8 in the query': (request(b'GET /?%ff=%fe&&=&a=%zz HTTP/1.1', CLOSE), 200),
    'bytes in a request id': (
        request(b'GET / HTTP/1.1', b'X-Request-Id: \xff\xfe' * 9, CLOSE),
        200,
    ),
    'line break behind percent in a request id': (
        request(b'GET / HTTP/1.1', b'X-Request-Id: abcdefgh%0d%0aX-Forged: a', CLOSE),
        200,
    ),
    'bytes in a header': (request(b'GET / HTTP/1.1', b'X-A: \xff\x80', CLOSE), 200),
    'bytes in the authorization': (
        request(b'GET / HTTP/1.1', b'Authorization: Bearer \xff\x80', CLOSE),
        200,
    ),
    'unknown expectation of 100': (request(b'GET / HTTP/1.1', b'Expect: 100-CONTINUE', CLOSE), 200),
    'script name': (request(b'GET / HTTP/1.1', b'SCRIPT_NAME: /a', CLOSE), 200),
    'script name of a route': (
        request(b'GET /a/metrics HTTP/1.1', b'SCRIPT_NAME: /a', CLOSE),
        404,
    ),
    'upgrade': (
        request(b'GET / HTTP/1.1', b'Upgrade: h2c', b'Connection: Upgrade, HTTP2-Settings, close'),
        200,
    ),
}


@pytest.mark.parametrize('name', HARMLESS)
def test_harmless(service: Service, count_sent: CountSent, name: str) -> None:
    """An odd but well-formed request is answered as a plain one would be."""
    data, status = HARMLESS[name]
    for answer in wire.exchange_many(service, MANY, data):
        assert_clean(answer, {status, 100})
        assert wire.statuses(answer)[-1] == status
        assert b'X-Forged' not in answer.split(b'\r\n\r\n')[0]
    count_sent(MANY)


HALF_A_BODY = request(POST, b'Content-Length: 1000', body=b'a' * 500)


@pytest.mark.parametrize('data', [b'', b'G', b'GET /\r\n', GOOD[:-2], GOOD[:-1], HALF_A_BODY])
def test_half_closed(service: Service, count_sent: CountSent, data: bytes) -> None:
    """A client that says no more before its request is whole gets no answer, and no thread."""
    assert set(wire.exchange_many(service, MANY, data)) == {b''}
    count_sent(MANY)


def test_half_closed_after_the_request(service: Service, count_sent: CountSent) -> None:
    """A client that says no more but has said enough gets its answer, even of a run."""
    answer = wire.exchange(service, request(b'GET /uuid HTTP/1.1'))
    assert wire.statuses(answer) == [200]
    assert b'"response"' in answer
    count_sent(1)


@pytest.mark.parametrize('method', [b'GET', b'POST'])
@pytest.mark.parametrize('kind', ['length', 'chunks'])
def test_big_body(service: Service, count_sent: CountSent, method: bytes, kind: str) -> None:
    """20 MB of body are refused without a run, and without being read."""
    runs = service.log().count('Updating stack')
    if kind == 'length':
        header, body = b'Content-Length: %d' % BODY, b'a' * BODY
    else:
        header = b'Transfer-Encoding: chunked'
        body = b'%x\r\n%s\r\n' % (2**16, b'a' * 2**16) * (BODY // 2**16) + b'0\r\n\r\n'
    data = request(method + b' /id HTTP/1.1', header, body=body)
    for answer in wire.exchange_many(service, THREADS + 1, data):
        assert_clean(answer, {413})
    count_sent(THREADS + 1)
    assert service.log().count('Updating stack') == runs


@pytest.mark.parametrize('junk', [b'\0' * 100, b'junk', b'junk\r\n\r\n', b'\n', b'\r\n\r\n\r\n'])
def test_pipelined_junk(service: Service, count_sent: CountSent, junk: bytes) -> None:
    """Junk behind a good request does not spoil its answer."""
    for answer in wire.exchange_many(service, MANY, request() + junk):
        assert_clean(answer, {200, 400})
        assert wire.statuses(answer)[0] == 200
    count_sent(MANY)


def test_pipelined(service: Service, count_sent: CountSent) -> None:
    """Requests that come all at once are answered all, in their order."""
    lines = [b'GET / HTTP/1.1', b'GET /nothing HTTP/1.1', b'HEAD /healthz HTTP/1.1']
    answer = wire.exchange(service, b''.join(map(request, lines)) * 10)
    assert wire.statuses(answer) == [200, 404, 200] * 10
    count_sent(30)


def test_kept_connection(service: Service, count_sent: CountSent) -> None:
    """A connection serves one request after the other, however they are cut into packets."""
    with wire.connect(service) as connection:
        for cut in range(1, len(request())):
            connection.sendall(request()[:cut])
            connection.sendall(request()[cut:])
            answer = b''
            while not answer.endswith(b'{"response": "hello, world"}'):
                answer += connection.recv(4096)
            assert wire.statuses(answer) == [200]
    count_sent(len(request()) - 1)


@pytest.mark.parametrize('size', [0, 1, 1_000, MAX_BODY])
def test_kept_connection_after_a_body(service: Service, count_sent: CountSent, size: int) -> None:
    """A body that nobody reads is no part of what follows it on the same connection."""
    inner = request(b'GET /uuid HTTP/1.1')
    body = (inner * (size // len(inner) + 1))[:size]
    posted = request(POST, b'Content-Length: %d' % size, body=body)
    answer = wire.exchange(service, (posted + request()) * 3)
    assert wire.statuses(answer) == [405, 200] * 3
    count_sent(6)


def test_expected_body(service: Service, count_sent: CountSent) -> None:
    """A client that waits to be asked for its body is asked once, and answered behind it."""
    head = request(POST, b'Content-Length: 5', b'Expect: 100-continue')
    with wire.connect(service) as connection:
        for _ in range(3):
            connection.sendall(head)
            assert wire.statuses(connection.recv(65536)) == [100]
            connection.sendall(b'abcde')
            answer = b''
            while not answer.endswith(b'"}'):
                answer += connection.recv(65536)
            assert wire.statuses(answer) == [405]
    count_sent(3)


@pytest.mark.parametrize('begin', [GOOD[:20], HALF_A_BODY], ids=['head', 'body'])
def test_slow_requests(service: Service, count_sent: CountSent, begin: bytes) -> None:
    """Clients that send a byte now and then stop nobody else, and are cut in the end."""
    stop = threading.Event()
    with wire.connections(service, CROWD) as slow:
        for connection in slow:
            connection.sendall(begin)

        def trickle() -> None:
            while not stop.wait(0.2):
                for connection in slow:
                    try:
                        connection.sendall(b'a')
                    except OSError:
                        return  # cut

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            assert_serves(service)
            assert service.get('/id').status_code == 200
            ends = [wire.read_to_end(connection) for connection in slow]
        finally:
            stop.set()
            thread.join()
    assert set(ends) == {b''}
    count_sent(CROWD)


def test_silent_clients(service: Service, count_sent: CountSent) -> None:
    """Clients that connect and say nothing stop nobody else."""
    with wire.connections(service, CROWD):
        assert_serves(service)
    count_sent(CROWD)


def test_slow_bodies(service: Service, count_sent: CountSent) -> None:
    """Clients that promise a body where none is taken are refused without waiting for it."""
    with wire.connections(service, CROWD) as slow:
        for connection in slow:
            connection.sendall(request(b'POST /id HTTP/1.1', b'Content-Length: 1000', body=b'a'))
        assert_serves(service)
        for connection in slow:
            assert wire.statuses(connection.recv(65536)) == [413]
    count_sent(CROWD)


# What the route says of a body that comes whole and has no type.
NO_JSON = 415


def large(size: int, body: bytes = b'') -> bytes:
    """Return a request whose body takes one of the places for large ones."""
    return request(b'POST /sites HTTP/1.1', b'Content-Length: %d' % size, CLOSE, body=body)


def test_no_place_for_a_large_body(service: Service, count_sent: CountSent) -> None:
    """Clients that find no place for a large body are told so, though they send all of it first."""

    def told(_: int) -> list[int]:
        with wire.connect(service) as connection:
            connection.sendall(large(MAX_CONTENT, b'a' * MAX_CONTENT))
            return wire.statuses(wire.read_to_end(connection))

    with wire.connections(service, MOST_LARGE) as holding:
        for connection in holding:
            connection.sendall(large(MAX_CONTENT))
        assert_serves(service)
        with ThreadPoolExecutor(THREADS) as pool:
            answers = list(pool.map(told, range(THREADS)))
    assert [503] in answers
    assert [each for each in answers if each not in ([NO_JSON], [503])] == []
    count_sent(THREADS)


def test_silent_large_bodies(service: Service, count_sent: CountSent) -> None:
    """Clients that promise a large body lose their places; one that sends slowly does not."""
    size, pace = 4 * 1024 * 1024, 1.2 * SLOWEST
    with wire.connect(service) as steady, wire.connections(service, MOST_LARGE - 1) as silent:
        steady.sendall(large(size))
        for connection in silent:
            connection.sendall(large(size, b'a' * MAX_BODY))
        begun, sent = time.monotonic(), 0
        while sent < size:
            time.sleep(0.1)  # as a slow line has it
            due = min(size, int((time.monotonic() - begun) * pace))
            steady.sendall(b'a' * (due - sent))
            sent = due
        assert wire.statuses(wire.read_to_end(steady)) == [NO_JSON]
        assert set(select.select(silent, [], [], 0)[0]) == set(silent)
        assert {wire.read_to_end(connection) for connection in silent} == {b''}
    count_sent(MOST_LARGE)


def test_clients_that_stay(service: Service, count_sent: CountSent) -> None:
    """Clients that have their last answer and do not close stop nobody else."""
    with wire.connections(service, CROWD) as staying:
        for connection in staying:
            connection.sendall(GOOD)
        assert_serves(service)
    count_sent(CROWD)


def test_clients_that_do_not_read(service: Service, count_sent: CountSent) -> None:
    """Clients that ask for far more than they read stop nobody else."""
    data = request(b'GET /openapi.json HTTP/1.1') * 1_000
    with wire.connections(service, MANY, receive_buffer=4096) as deaf:
        for connection in deaf:
            connection.setblocking(False)
            connection.send(data)
        assert_serves(service)
    count_sent(MANY)


@pytest.mark.parametrize('path', [b'/id', b'/openapi.json'])
def test_client_that_dies(service: Service, count_sent: CountSent, path: bytes) -> None:
    """A client that is gone before its answer costs no thread and no slot."""
    for _ in range(MANY):
        connection = wire.connect(service)
        connection.sendall(request(b'GET %s HTTP/1.1' % path))
        wire.reset(connection)
    count_sent(MANY)
    # The runs that they have left behind end first.
    ends_at = time.monotonic() + wire.DEADLINE
    while service.get('/uuid').status_code == 503:
        assert time.monotonic() < ends_at
        time.sleep(0.1)


TOKENS = [
    *(b'\r\n', b'\n', b'\r', b'\0', b'\xff', b' ', b'\t', b':', b'%', b'%00', b'%ff', b'..', b'//'),
    *(b'Content-Length: 5\r\n', b'Transfer-Encoding: chunked\r\n', b'Expect: 100-continue\r\n'),
    *(b'HTTP/1.1', b'HTTP/1.0', b'HTTP/2.0', b'POST ', b'HEAD ', b'?', b'#', b'*', b'a' * 5_000),
]


def mutate(rng: random.Random, data: bytes) -> bytes:
    """Return `data` with something put in, cut out, doubled or changed, once or more often."""
    for _ in range(rng.randint(1, 5)):
        start = rng.randrange(len(data) + 1)
        end = min(len(data), start + rng.randint(1, 20))
        put = rng.choice(
            [
                rng.choice(TOKENS),
                b'',
                data[start:end] * 2,
                rng.randbytes(rng.randint(1, 8)),
            ]
        )
        data = data[:start] + put + data[rng.choice([start, end]) :]
    return data


def test_mutations(service: Service, count_sent: CountSent, whole: bool, seed: int) -> None:
    """Requests with random defects, in random packets, get a clean answer or none."""
    rng = random.Random(seed)
    count = 20_000 if whole else 200
    kinds = [
        GOOD,
        request(
            b'GET /healthz?a=b HTTP/1.1', b'X-Request-Id: abcdefgh', b'Authorization: Bearer a'
        ),
        request(b'POST / HTTP/1.1', b'Content-Length: 5', body=b'abcde'),
        request(b'POST / HTTP/1.1', b'Transfer-Encoding: chunked', body=b'3\r\nabc\r\n0\r\n\r\n'),
        request(b'HEAD /metrics HTTP/1.1') + GOOD,
        request(POST, b'Content-Length: 5', body=b'abcde') + GOOD,
    ]
    allowed = {100, 200, 400, 403, 404, 405, 411, 413, 414, 417, 431, 501}
    for _ in range(count):
        data = mutate(rng, rng.choice(kinds))
        cut = rng.randrange(len(data) + 1)
        assert_clean(wire.exchange(service, data[:cut], data[cut:]), allowed)
    count_sent(count)
