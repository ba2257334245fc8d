"""gunicorn's threads, guarded: no client that is slow to send, to read or to leave can hold one.

gunicorn's own `gthread` hands a connection to a thread at its first byte, so that a few clients
which send their heads a byte at a time hold all threads; and its main loop waits for each client
to leave, so that a few which do not hold the loop until its heartbeat stops and the worker is
killed. Here the loop itself collects the heads and says goodbye, without ever waiting for one.
"""

from __future__ import annotations

import select
import selectors
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from gunicorn import util  # type: ignore[import-untyped]
from gunicorn.workers import gthread  # type: ignore[import-untyped]

# Seconds for a whole head to arrive, and for a client to have read enough of earlier answers.
HEAD_TIMEOUT = 10.0
# All header fields together; what a browser sends is a tenth of this.
MAX_HEAD = 32 * 1024
# Seconds, and bytes, in which a client can notice that its connection ends with this answer.
LINGER = 2.0
MAX_DISCARDED = 1024 * 1024
# The longest answer fits in what is free of this wherever the kernel calls a socket writable (a
# third), so that no thread ever waits for a client that does not read.
SEND_BUFFER = 128 * 1024
READ_SIZE = 64 * 1024


class Connection(gthread.TConn):  # type: ignore[misc]  # gunicorn has no types
    """A connection that knows how much of a head it has."""

    def __init__(self, worker: GuardedWorker, *args: Any) -> None:
        super().__init__(*args)
        self.worker = worker
        self.head = bytearray()
        self.discarded = 0

    def close(self, graceful: bool = False) -> None:
        if graceful:
            self.worker.linger(self)
        else:
            super().close()


class GuardedWorker(gthread.ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A thread pool that gets a request when its head is whole and its answer can be sent."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.waiting: set[Connection] = set()

    def accept(self, listener: socket.socket) -> None:
        try:
            client, address = listener.accept()
        except OSError as error:
            # Gone again already, or no file descriptor is free: neither is a reason to end.
            self.log.debug('accept: %s', error)
            return
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self.nr_conns += 1
        self.enqueue_req(Connection(self, self.cfg, client, address, listener.getsockname()))

    def enqueue_req(self, conn: Connection) -> None:
        """Begin with a request: a new connection's first, or the next one of a kept connection."""
        if self.cfg.is_ssl:
            # What arrives is not a head before it is decrypted, which is the threads' work.
            super().enqueue_req(conn)
            return
        if conn.parser:
            conn.head += conn.parser.unreader.take_buffered()
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + (HEAD_TIMEOUT if self.alive else LINGER)
        self._read_head(conn)

    def handle_request(self, req: Any, conn: Connection) -> bool:
        if _has_body(req):
            # No route reads a body, so where the next request would begin stays unknown.
            req.force_close()
        return bool(super().handle_request(req, conn))

    def linger(self, conn: Connection) -> None:
        """End a connection so that the client still gets the answer (RFC 9112, section 9.6)."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            conn.close()
            return
        self.nr_conns += 1  # until it is closed
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + LINGER
        self._wait(conn, selectors.EVENT_READ, self._discard)

    def murder_pending(self) -> None:
        """Close what has waited too long."""
        now = time.monotonic()
        for conn in [each for each in self.waiting if each.timeout <= now]:
            self._drop(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        super()._cap_keepalive(deadline)
        for conn in self.waiting:
            conn.timeout = min(conn.timeout, deadline)

    def _read_head(self, conn: Connection, _: object = None) -> None:
        if not _is_whole(conn.head):
            try:
                data = conn.sock.recv(READ_SIZE)
            except BlockingIOError:
                self._wait(conn, selectors.EVENT_READ, self._read_head)
                return
            except OSError:
                data = b''
            if not data:
                self._drop(conn)
                return
            conn.head += data
        if _is_whole(conn.head):
            self._start(conn)
        elif len(conn.head) > MAX_HEAD:
            self._stop_waiting(conn)
            util.write_error(conn.sock, 431, 'Request Header Fields Too Large', '')
            self.nr_conns -= 1
            self.linger(conn)
        else:
            self._wait(conn, selectors.EVENT_READ, self._read_head)

    def _start(self, conn: Connection, _: object = None) -> None:
        """Give the request to a thread, once there is room for its answer."""
        if not _is_writable(conn.sock):
            self._wait(conn, selectors.EVENT_WRITE, self._start)
            return
        self._stop_waiting(conn)
        conn.init()
        conn.parser.unreader.unread(bytes(conn.head))
        conn.head.clear()
        conn.data_ready = True
        super().enqueue_req(conn)

    def _discard(self, conn: Connection, _: object) -> None:
        try:
            data = conn.sock.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b''
        conn.discarded += len(data)
        if not data or conn.discarded > MAX_DISCARDED:
            self._drop(conn)

    def _wait(self, conn: Connection, event: int, then: Callable[..., None]) -> None:
        if conn in self.waiting:
            self.poller.modify(conn.sock, event, partial(then, conn))
        else:
            self.poller.register(conn.sock, event, partial(then, conn))
            self.waiting.add(conn)

    def _stop_waiting(self, conn: Connection) -> None:
        if conn in self.waiting:
            self.waiting.remove(conn)
            self.poller.unregister(conn.sock)

    def _drop(self, conn: Connection) -> None:
        self._stop_waiting(conn)
        self.nr_conns -= 1
        conn.close()


def _is_whole(head: bytearray) -> bool:
    """Whether the parser can decide on this head without waiting for more of it."""
    # It refuses a line that ends in LF alone.
    return b'\r\n\r\n' in head or head.count(b'\n') != head.count(b'\r\n')


def _is_writable(sock: socket.socket) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLOUT)
    return bool(poll.poll(0))


def _has_body(req: Any) -> bool:
    return any(
        name == 'TRANSFER-ENCODING' or (name == 'CONTENT-LENGTH' and int(value) > 0)
        for name, value in req.headers
    )
