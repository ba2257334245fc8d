"""What the main loop must know of a request's head, by the rules of gunicorn's own parser.

Where two parsers read one head in two ways, a request can be smuggled past one of them. So the
loop asks the one that reads the head again in a thread, and waits for nothing that it refuses.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from gunicorn.http.message import Request  # type: ignore[import-untyped]
from gunicorn.http.unreader import IterUnreader  # type: ignore[import-untyped]
from gunicorn.util import unquote_to_wsgi_str  # type: ignore[import-untyped]

from web import bodies

# All header fields together; what a browser sends is a tenth of this.
MAX_HEAD = 32 * 1024
TOO_LARGE = (
    b'HTTP/1.1 431 Request Header Fields Too Large\r\n'
    b'Connection: close\r\n'
    b'Content-Length: 0\r\n'
    b'\r\n'
)
BUSY = (
    b'HTTP/1.1 503 Service Unavailable\r\n'
    b'Connection: close\r\n'
    b'Retry-After: 5\r\n'
    b'Content-Length: 0\r\n'
    b'\r\n'
)
CONTINUE = b'HTTP/1.1 100 Continue\r\n\r\n'


class Awaited(NamedTuple):
    """How much of a request's body is still to come, and whether its client waits to be asked."""

    size: int
    expects_continue: bool


NOTHING = Awaited(0, False)


def is_whole(head: bytearray) -> bool:
    """Tell whether the parser can decide on this head without waiting for more of it."""
    # It refuses a line that ends in LF alone.
    return b'\r\n\r\n' in head or head.count(b'\n') != head.count(b'\r\n')


def awaited(cfg: Any, client: Any, received: bytearray) -> Awaited:
    """Return what the loop must wait for until the request that was received so far is whole."""
    # Most requests have none, and the parser would read each of their heads twice.
    if b'content-length' not in received.lower():
        return NOTHING
    unreader = IterUnreader([bytes(received)])
    try:
        req = Request(cfg, unreader, client)
        if not is_collected(req):
            return NOTHING
    except Exception:  # whatever it is, the thread meets it too, and answers
        return NOTHING
    missing = max(0, _length(req) - len(unreader.take_buffered()))
    return Awaited(missing, missing > 0 and req._expected_100_continue)


def is_collected(req: Any) -> bool:
    """Tell whether the whole body, if any, is here when a thread gets the request."""
    length = _length(req)
    path = unquote_to_wsgi_str(req.path)
    may_have_one = bodies.is_taken(req.method, path)
    return length == 0 or (may_have_one and 0 < length <= bodies.most(path))


def _length(req: Any) -> int:
    """Return the length of a request's body, which is -1 where only its end will tell."""
    headers = dict(req.headers)
    return -1 if 'TRANSFER-ENCODING' in headers else int(headers.get('CONTENT-LENGTH', 0))
