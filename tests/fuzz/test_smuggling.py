"""No client's bytes are taken for another request, with or without a proxy that reads them too."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

import engine
from tests import nginx
from tests.fuzz import wire
from tests.fuzz.conftest import CountSent
from tests.fuzz.wire import request
from tests.service import Service, serving

# One for each case, in the paths, so that the log says whose request it was.
TAG = b'NNN'
INNER = request(b'GET /inner-NNN HTTP/1.1', b'Connection: close')
OUTER = b'POST /outer-NNN HTTP/1.1'
CHUNKED = b'Transfer-Encoding: chunked'
# An end of the body as some may read it, and then what is to be smuggled.
EARLY_END = b'0\r\n\r\n' + INNER
IN_A_CHUNK = b'%x\r\n%s\r\n0\r\n\r\n' % (len(INNER), INNER)


def length(before: bytes = b'Content-Length: ', after: bytes = b'') -> bytes:
    return before + b'%d' % len(INNER) + after


def outer(*headers: bytes, line: bytes = OUTER, body: bytes = INNER) -> bytes:
    return request(line, *headers, body=body)


# Where one reader may see a body, and another a second request.
AMBIGUOUS = {
    'length': outer(length()),
    'length of a GET': outer(length(), line=b'GET /outer-NNN HTTP/1.1'),
    'length with zeros': outer(length(b'Content-Length: 00')),
    'length behind a tab': outer(length(b'Content-Length:\t')),
    'length behind a vertical tab': outer(length(b'Content-Length:\v')),
    'length behind a no-break space': outer(length(b'Content-Length: \xa0')),
    'length with a plus': outer(length(b'Content-Length: +')),
    'length in two parts': outer(length(b'Content-Length: 0 ')),
    'length in hexadecimal': outer(b'Content-Length: 0x%x' % len(INNER)),
    'length with an underscore': outer(b'Content-Length: 1_0'),
    'length in Arabic digits': outer('Content-Length: \u0664\u0660'.encode()),
    'length of nothing': outer(b'Content-Length: '),
    'negative length': outer(b'Content-Length: -0'),
    'space before the colon of a length': outer(length(b'Content-Length : ')),
    'tab before the colon of a length': outer(length(b'Content-Length\t: ')),
    'space before a length': outer(length(b' Content-Length: ')),
    'folded length': outer(length(b'Content-Length:\r\n ')),
    'two lengths': outer(b'Content-Length: 0', length()),
    'the same length twice': outer(length(), length()),
    'list of lengths': outer(length(b'Content-Length: 0, ')),
    'list of the same length': outer(length(after=length(b', '))),
    'length that Connection names': outer(length(), b'Connection: Content-Length'),
    'length behind LF': outer(length(b'X-A: a\nContent-Length: ')),
    'length behind CR': outer(length(b'X-A: a\rContent-Length: ')),
    'length behind two CR': outer(b'X-A: a\r', length()),
    'length behind NUL': outer(b'X-A: a\0', length()),
    'lines that end in LF': request(OUTER, length()).replace(b'\r\n', b'\n') + INNER,
    'head that ends in LF': request(OUTER, length())[:-2] + b'\n' + INNER,
    'length and chunks': outer(length(), CHUNKED, body=EARLY_END),
    'chunks and length': outer(CHUNKED, b'Content-Length: 4', body=IN_A_CHUNK),
    'chunks': outer(CHUNKED, body=IN_A_CHUNK),
    'chunks that end early': outer(CHUNKED, body=EARLY_END),
    'chunks that end in LF': outer(CHUNKED, body=b'0\n\n' + INNER),
    'chunks in upper case': outer(CHUNKED.upper(), body=EARLY_END),
    'chunks of HTTP/1.0': outer(CHUNKED, line=b'POST /outer-NNN HTTP/1.0', body=EARLY_END),
    'chunks behind a tab': outer(b'Transfer-Encoding:\tchunked', body=EARLY_END),
    'chunks behind a vertical tab': outer(b'Transfer-Encoding:\vchunked', length(), body=EARLY_END),
    'chunks before a form feed': outer(b'Transfer-Encoding: chunked\f', length(), body=EARLY_END),
    'chunks behind a no-break space': outer(
        b'Transfer-Encoding: \xa0chunked', length(), body=EARLY_END
    ),
    'chunks behind CR': outer(b'X-A: a\r' + CHUNKED, length(), body=EARLY_END),
    'space before the colon of chunks': outer(
        b'Transfer-Encoding : chunked', length(), body=EARLY_END
    ),
    'folded chunks': outer(b'Transfer-Encoding:\r\n chunked', length(), body=EARLY_END),
    'chunks in a folded line': outer(b'X-A: a\r\n\t' + CHUNKED, length(), body=EARLY_END),
    'chunks with underscore': outer(b'Transfer_Encoding: chunked', length(), body=EARLY_END),
    'chunks, identity': outer(CHUNKED + b', identity', body=EARLY_END),
    'identity, chunks': outer(b'Transfer-Encoding: identity, chunked', body=EARLY_END),
    'identity and chunks': outer(b'Transfer-Encoding: identity', CHUNKED, body=EARLY_END),
    'identity': outer(b'Transfer-Encoding: identity', length()),
    'gzip, chunks': outer(b'Transfer-Encoding: gzip, chunked', body=EARLY_END),
    'chunks twice': outer(CHUNKED, CHUNKED, body=EARLY_END),
    'chunks and an empty coding': outer(CHUNKED + b',', body=EARLY_END),
    'an empty coding': outer(b'Transfer-Encoding:', length()),
    'chunks with a parameter': outer(CHUNKED + b';a=b', body=EARLY_END),
    'chunks in quotes': outer(b'Transfer-Encoding: "chunked"', body=EARLY_END),
    'chunk size in C': outer(CHUNKED, body=b'0x0\r\n\r\n' + INNER),
    'chunk size with a plus': outer(CHUNKED, body=b'+' + EARLY_END),
    'chunk size beyond 64 bits': outer(CHUNKED, body=b'1' + b'0' * 16 + b'\r\n\r\n' + INNER),
    'chunk extension that ends in LF': outer(CHUNKED, body=b'2;\nab\r\n' + EARLY_END),
    'chunk trailer with a length': outer(CHUNKED, body=b'0\r\nContent-Length: 5\r\n\r\n' + INNER),
    'expectation': outer(b'Expect: 100-continue', length()),
    'absolute form': outer(length(), line=b'POST http://127.0.0.1/outer-NNN HTTP/1.1'),
    'HTTP/2': b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + INNER,
}
# Where there is no body for anybody who reads as the RFCs do.
PLAIN = {
    'length 0': outer(b'Content-Length: 0'),
    'length with underscore': outer(length(b'Content_Length: ')),
    'upgrade to HTTP/2': outer(
        *(b'Connection: Upgrade, HTTP2-Settings', b'Upgrade: h2c', b'HTTP2-Settings: AAMAAABk'),
        line=b'GET /outer-NNN HTTP/1.1',
    ),
    'upgrade to a web socket': outer(
        *(b'Connection: Upgrade', b'Upgrade: websocket', b'Sec-WebSocket-Version: 13'),
        line=b'GET /outer-NNN HTTP/1.1',
    ),
    'head in the path': outer(line=b'GET /outer-NNN%20HTTP/1.1%0d%0a%0d%0aGET%20/ HTTP/1.1'),
    'two requests': outer(line=b'GET /outer-NNN HTTP/1.1'),
}


def served(service: Service, path: str) -> list[int]:
    """Return the statuses of all requests so far for paths that begin so."""
    found = re.findall(rf'web\.request_log: \S+ \S+ /{path}\S* (\d+)', service.log())
    return [int(status) for status in found]


def where_bodies_are_taken(data: bytes) -> bytes:
    return data.replace(b'/outer', b'/v1/outer')


@pytest.mark.parametrize('name', AMBIGUOUS)
def test_nothing_in_a_body_is_a_request(service: Service, count_sent: CountSent, name: str) -> None:
    """Where a request may have a body, it gets one refusal, and nothing behind it is read."""
    answer = wire.exchange(service, AMBIGUOUS[name])
    assert [status for status in wire.statuses(answer) if status != 100] in ([400], [413], [501])
    assert not served(service, 'inner-NNN')
    count_sent(1)


@pytest.mark.parametrize('name', AMBIGUOUS)
def test_nothing_in_a_taken_body_is_a_request(
    service: Service, count_sent: CountSent, name: str
) -> None:
    """Where a body is taken, what is in it is no request either, whoever reads it."""
    answer = wire.exchange(service, where_bodies_are_taken(AMBIGUOUS[name]))
    [status, *rest] = [status for status in wire.statuses(answer) if status != 100]
    assert status in (400, 404, 411, 413, 501)
    # A body may be longer than its length says; what is behind that is no request.
    assert set(rest) <= {400}
    assert not served(service, 'inner-NNN')
    count_sent(1)


@pytest.fixture(scope='module')
def behind_nginx(
    tmp_path_factory: pytest.TempPathFactory, built_engine: engine.Engine
) -> Iterator[tuple[Service, str, Path]]:
    """A service, and the URL and the certificate of an nginx that shares connections to it."""
    if missing := nginx.missing_tool():
        pytest.skip(f'{missing} is not here')
    folder = tmp_path_factory.mktemp('nginx')
    with (
        serving(tmp_path_factory.mktemp('service')) as service,
        nginx.balancing(folder, [service.url, service.url], kept=1) as url,
    ):
        yield service, url, nginx.certificate(folder)


def exchange_through(url: str, certificate: Path, data: bytes) -> list[int]:
    """Send something to nginx, and return the statuses that come until it ends the connection."""
    host, _, port = urlsplit(url).netloc.partition(':')
    context = ssl.create_default_context(cafile=str(certificate))
    with (
        socket.create_connection((host, int(port)), wire.DEADLINE) as plain,
        context.wrap_socket(plain, server_hostname=host) as connection,
    ):
        connection.sendall(data)
        return [each for each in wire.statuses(wire.read_to_end(connection)) if each != 100]


def bystander(url: str, certificate: Path, number: int) -> bool:
    """Ask for something else as somebody else; tell whether the answer is to that."""
    own = f'bystander-{number}'
    answer = requests.get(
        f'{url}/healthz', headers={'X-Request-Id': own}, verify=str(certificate), timeout=60
    )
    return (answer.status_code, answer.headers['X-Request-Id']) == (200, own)


def is_within(few: list[int], many: list[int]) -> bool:
    """Tell whether `few` are among `many`, in the same order."""
    rest = iter(many)
    return all(each in rest for each in few)


def test_nginx_and_service_read_the_same(
    behind_nginx: tuple[Service, str, Path], count_sent: CountSent
) -> None:
    """What the service sees through nginx are the client's own requests, answered to it."""
    service, url, certificate = behind_nginx
    cases = {**AMBIGUOUS, **PLAIN}
    cases |= {f'{name}, taken': where_bodies_are_taken(each) for name, each in cases.items()}
    tagged = [data.replace(TAG, b'%03d' % number) for number, data in enumerate(cases.values())]
    with ThreadPoolExecutor(16) as pool:
        answers = pool.map(lambda data: exchange_through(url, certificate, data), tagged)
        others = pool.map(lambda each: bystander(url, certificate, each), range(len(tagged)))
        for number, (name, answered) in enumerate(zip(cases, answers, strict=True)):
            seen = served(service, f'(?:v1/outer|outer|inner)-{number:03}')
            assert answered, name
            assert is_within(seen, answered), (name, seen, answered)
        assert all(others)
    count_sent(2 * len(tagged))
