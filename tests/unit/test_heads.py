"""What the main loop waits for: bodies of which both readers are sure, and nothing else."""

from __future__ import annotations

import pytest
from gunicorn.config import Config  # type: ignore[import-untyped]

from web import heads
from web.bodies import MAX_BODY, MAX_CONTENT
from web.heads import NOTHING, Awaited

CLIENT = ('127.0.0.1', 1)


def awaited(*lines: bytes, body: bytes = b'') -> Awaited:
    head = b''.join(line + b'\r\n' for line in lines) + b'\r\n'
    return heads.awaited(Config(), CLIENT, bytearray(head + body))


@pytest.mark.parametrize(
    ('length', 'body', 'missing'),
    [
        (b'1', b'', 1),
        (b'5', b'abc', 2),
        (b'5', b'abcde', 0),
        (b'5', b'abcdeGET / HTTP/1.1\r\n', 0),
        (b'005', b'', 5),
        (b'0', b'GET / HTTP/1.1\r\n', 0),
        (b'%d' % MAX_BODY, b'', MAX_BODY),
        (b'%d' % (MAX_BODY + 1), b'', 0),
    ],
)
def test_missing(length: bytes, body: bytes, missing: int) -> None:
    """Of a body that may come, what has not arrived yet is waited for."""
    head = [b'POST /v1/a HTTP/1.1', b'Content-Length: ' + length]
    assert awaited(*head, body=body).size == missing


@pytest.mark.parametrize(('length', 'size'), [(MAX_CONTENT, MAX_CONTENT), (MAX_CONTENT + 1, 0)])
def test_missing_content(length: int, size: int) -> None:
    """Where inputs are taken, more of a body is waited for."""
    head = [b'POST /sites HTTP/1.1', b'Content-Length: %d' % length]
    assert awaited(*head).size == size


@pytest.mark.parametrize(
    'line',
    [
        b'PUT /v1/a HTTP/1.1',
        b'PATCH /v1/a?b=c HTTP/1.0',
        b'POST /v%31/a HTTP/1.1',
        b'POST http://a/v1/a HTTP/1.1',
        b'\r\nPOST /v1/a HTTP/1.1',
    ],
)
def test_the_path_as_the_routes_see_it(line: bytes) -> None:
    """However the path is spelled, the body is waited for where the routes would read it."""
    assert awaited(line, b'content-length: 9') == Awaited(9, False)


@pytest.mark.parametrize(
    'line',
    [
        *(b'GET /v1/a HTTP/1.1', b'DELETE /v1/a HTTP/1.1', b'POST /uuid HTTP/1.1'),
        *(b'POST /v1 HTTP/1.1', b'POST //v1/a HTTP/1.1', b'POST /V1/a HTTP/1.1'),
        *(b'post /v1/a HTTP/1.1', b'POST /v1/a HTTP/2.0', b'POST /v1/a', b'', b'\r\n\r\n'),
    ],
)
def test_bodies_that_nobody_reads(line: bytes) -> None:
    """A request that takes no body, or is refused as it is, goes on at once."""
    assert awaited(line, b'Content-Length: 9', b'Expect: 100-continue') == NOTHING


@pytest.mark.parametrize(
    'headers',
    [
        pytest.param([], id='none'),
        pytest.param([b'Content-Length: 9', b'Content-Length: 9'], id='two'),
        pytest.param([b'Content-Length: 9', b'Content-Length: 8'], id='two that differ'),
        pytest.param([b'Content-Length: 9, 9'], id='list'),
        pytest.param([b'Content-Length: +9'], id='plus'),
        pytest.param([b'Content-Length: -9'], id='minus'),
        pytest.param([b'Content-Length: 0x9'], id='hexadecimal'),
        pytest.param([b'Content-Length: 1_0'], id='underscore in the number'),
        pytest.param([b'Content-Length: \xb2'], id='superscript'),
        pytest.param([b'Content-Length: 9' + b'9' * 5000], id='very long'),
        pytest.param([b'Content-Length: \v9'], id='vertical tab'),
        pytest.param([b'Content-Length: \xa09'], id='no-break space'),
        pytest.param([b'Content-Length:'], id='empty'),
        pytest.param([b'Content-Length : 9'], id='space before the colon'),
        pytest.param([b' Content-Length: 9'], id='space before'),
        pytest.param([b'Content-Length:', b' 9'], id='folded'),
        pytest.param([b'X-A: a', b' b', b'Content-Length: 9'], id='folded line before'),
        pytest.param([b'Content_Length: 9'], id='underscore'),
        pytest.param([b'X-A: a\nContent-Length: 9'], id='behind LF'),
        pytest.param([b'X-A: a\rContent-Length: 9'], id='behind CR'),
        pytest.param([b'X-A: a\0', b'Content-Length: 9'], id='NUL'),
        pytest.param([b'Content-Length: 9', b'Transfer-Encoding: chunked'], id='chunks too'),
        pytest.param([b'Transfer-Encoding: chunked', b'Content-Length: 9'], id='chunks before'),
        pytest.param([b'Transfer-Encoding: identity', b'Content-Length: 9'], id='identity'),
        pytest.param([b'Transfer-Encoding:', b'Content-Length: 9'], id='an empty coding'),
        pytest.param([b'Transfer-Encoding: chunked'], id='chunks'),
        pytest.param([b'Content-Length: 9', b'Expect: tea'], id='unknown expectation'),
        pytest.param([b'Content-Length: 9', b'Host: a', b'Host: b'], id='two hosts'),
        pytest.param([b'X-A: a'] * 200 + [b'Content-Length: 9'], id='too many headers'),
    ],
)
def test_ambiguous(headers: list[bytes]) -> None:
    """Where the length of a body is not beyond doubt, nothing is waited for."""
    assert awaited(b'POST /v1/a HTTP/1.1', *headers) == NOTHING


@pytest.mark.parametrize(
    ('version', 'expectation', 'body', 'expects_continue'),
    [
        (b'1.1', b'Expect: 100-continue', b'', True),
        (b'1.1', b'Expect: 100-Continue', b'a', True),
        (b'1.1', b'Expect: 100-continue', b'abc', False),
        (b'1.0', b'Expect: 100-continue', b'', False),
        (b'1.1', b'X-Expect: 100-continue', b'', False),
    ],
)
def test_expectation(
    version: bytes, expectation: bytes, body: bytes, expects_continue: bool
) -> None:
    """A client that waits to be asked for its body is asked, unless it has not waited."""
    head = [b'POST /v1/a HTTP/' + version, b'Content-Length: 3', expectation]
    assert awaited(*head, body=body).expects_continue is expects_continue
