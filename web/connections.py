"""gunicorn's threads, guarded: no client that is slow to send, to read or to leave can hold one.

gunicorn's own `gthread` hands a connection to a thread at its first byte, so that a few clients
which send their heads a byte at a time hold all threads; and its main loop waits for each client
to leave, so that a few which do not hold the loop until its heartbeat stops and the worker is
killed. Here the loop itself collects whole requests and says goodbye, never waiting for one.

An exception that leaves the loop ends the worker, and with it every run. Therefore the loop uses
an accepted socket in `_step` and nowhere else: an error of it, at whichever call, drops that
connection and nothing more. A connection is registered with the poller exactly while it is in
`waiting`, and counted from `accept` to `_drop`; gunicorn's own lists of connections stay empty.

That rests on what gunicorn calls in the loop and what it calls in a thread, which may change with
any version: requirements.txt pins it, and tests/unit/test_connections.py fails when one of the
modules that this was written against has changed, until somebody has read it again.
"""

from __future__ import annotations

import errno
import select
import selectors
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from io import BytesIO
from typing import Any

from gunicorn.workers import gthread  # type: ignore[import-untyped]

from web import bodies, heads

# Seconds for a whole head to arrive, for a client to be silent within a body, and for earlier
# answers to be read. Each part of a body that comes puts the end off by the time that it may take,
# at so many bytes in a second; never further than a silent client has.
HEAD_TIMEOUT = 10.0
BODY_TIMEOUT = 10.0
SLOWEST = 256 * 1024
# How many bodies that are longer than most may come at the same time: all of each is in memory.
MOST_LARGE = 8
# Seconds to be silent, and bytes still sent, in which a client can notice that its connection ends
# with this answer: many clients look for it only when they have sent their whole body.
LINGER = 2.0
MAX_DISCARDED = bodies.MAX_CONTENT
# Nearly all answers fit in what is free of this wherever the kernel calls a socket writable (a
# third), so that no thread waits for a client that does not read.
SEND_BUFFER = 128 * 1024
# Seconds in which a client must make some room there for what is left of a longer one.
SEND_TIMEOUT = 10.0
READ_SIZE = 64 * 1024
# Seconds for all threads to start.
THREADS_DEADLINE = 30.0

PLAIN_HTTP_1 = {'protocol': 'http', 'proxy_protocol': 'off', 'http_protocols': ['h1']}


class Connection(gthread.TConn):  # type: ignore[misc]  # gunicorn has no types
    """A connection that knows how much of a request it has, and how much of its body is missing."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.received = bytearray()
        self.missing = 0
        self.discarded = 0
        self.patience = LINGER

    @property
    def is_large(self) -> bool:
        """Whether it holds, or is to hold, much more than most do."""
        return self.missing + len(self.received) > bodies.MAX_BODY + heads.MAX_HEAD


Step = Callable[[Connection], None]


class GuardedWorker(gthread.ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A thread pool that gets a request when it is whole and its answer can be sent."""

    send_timeout = SEND_TIMEOUT

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.waiting: set[Connection] = set()

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Refuse what does not begin with the head of an HTTP/1 request: it cannot be collected."""
        super().check_config(cfg, log)
        if cfg.is_ssl or any(getattr(cfg, name) != value for name, value in PLAIN_HTTP_1.items()):
            sys.exit(
                'Only plain HTTP/1 is spoken here: in a handshake of TLS, HTTP/2 or the PROXY '
                'protocol a silent client would hold a thread. Put nginx in front '
                '(deploy/nginx.conf).'
            )

    def get_thread_pool(self) -> ThreadPoolExecutor:
        """Return a pool whose threads all run: one that fails to start later ends the loop."""
        pool: ThreadPoolExecutor = super().get_thread_pool()
        all_run = threading.Barrier(self.cfg.threads + 1)
        for _ in range(self.cfg.threads):
            pool.submit(all_run.wait, THREADS_DEADLINE)
        all_run.wait(THREADS_DEADLINE)
        return pool

    def accept(self, listener: socket.socket) -> None:
        try:
            client, address = listener.accept()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(self.send_timeout))
            conn = Connection(self.cfg, client, address, listener.getsockname())
        except OSError as error:
            # Gone again already, or no file descriptor is free: neither is a reason to end.
            self.log.debug('accept: %s', error)
            return
        self.nr_conns += 1
        self._step(conn, self._begin)

    def handle_request(self, req: Any, conn: Connection) -> bool:
        req._expected_100_continue = False  # the loop has answered it, where a body is wanted
        if not heads.is_collected(req):
            req.body = BytesIO()  # nobody waits for it, so where the next
            req.force_close()  # request begins stays unknown
        if len(self.waiting) >= self.max_keepalived:
            req.force_close()
        try:
            is_kept = bool(super().handle_request(req, conn))
        except BlockingIOError:
            # SEND_TIMEOUT is over. Of all errors, gunicorn takes those for no defect that tell of a
            # client which has gone, and this one is as good as gone.
            raise BrokenPipeError(errno.EPIPE, 'the client does not read') from None
        req.body.read()  # what the route has left, all of which is here
        return is_kept

    def finish_request(self, conn: Connection, fs: Future[bool]) -> None:
        """Go on with a connection whose request a thread has done with."""
        if error := fs.exception():
            self.log.error('a thread failed', exc_info=error)
        is_kept = not error and fs.result()
        self._step(conn, self._keep if is_kept else self._linger)

    def murder_pending(self) -> None:
        """Close what has waited too long."""
        now = time.monotonic()
        for conn in [each for each in self.waiting if each.timeout <= now]:
            self._drop(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        for conn in self.waiting:
            conn.timeout = min(conn.timeout, deadline)

    def _step(self, conn: Connection, step: Step) -> None:
        """Take a connection one step on; an error of its socket ends it, and nothing else."""
        try:
            step(conn)
        except OSError as error:
            self.log.debug('connection of %s: %s', conn.client, error)
            self._drop(conn)

    def _keep(self, conn: Connection) -> None:
        """Wait for the next request, of which some may be here already."""
        conn.received += conn.parser.unreader.take_buffered()
        if conn.received:
            self._begin(conn)
        else:
            conn.timeout = self._deadline(self.cfg.keepalive)
            self._wait(conn, selectors.EVENT_READ, self._begin)

    def _begin(self, conn: Connection) -> None:
        conn.sock.setblocking(False)
        conn.timeout = self._deadline(HEAD_TIMEOUT)
        self._read_head(conn)

    def _read_head(self, conn: Connection) -> None:
        if not heads.is_whole(conn.received):
            conn.received += _receive(conn.sock)
        if heads.is_whole(conn.received):
            self._begin_body(conn)
        elif len(conn.received) > heads.MAX_HEAD:
            # Without waiting: where there is no room for so few bytes, nobody reads them.
            conn.sock.send(heads.TOO_LARGE)
            self._linger(conn)
        else:
            self._wait(conn, selectors.EVENT_READ, self._read_head)

    def _begin_body(self, conn: Connection) -> None:
        conn.missing, expects_continue = heads.awaited(self.cfg, conn.client, conn.received)
        if not conn.missing:
            self._start(conn)
            return
        if conn.is_large and sum(each.is_large for each in self.waiting) >= MOST_LARGE:
            self._refuse(conn)
            return
        if expects_continue:
            conn.sock.send(heads.CONTINUE)
        self._be_patient(conn, BODY_TIMEOUT)
        self._wait(conn, selectors.EVENT_READ, self._read_body)

    def _refuse(self, conn: Connection) -> None:
        """Tell a client to come again, and let it send its body at the pace of any other."""
        conn.missing = 0  # nobody waits for it, so it takes no place
        conn.received.clear()
        conn.sock.send(heads.BUSY)
        self._linger(conn, BODY_TIMEOUT)

    def _read_body(self, conn: Connection) -> None:
        data = _receive(conn.sock)
        conn.received += data
        conn.missing -= len(data)
        self._put_off(conn, len(data))
        if conn.missing > 0:
            self._wait(conn, selectors.EVENT_READ, self._read_body)
        else:
            self._start(conn)

    def _start(self, conn: Connection) -> None:
        """Give the request to a thread, once there is room for its answer."""
        if not _is_writable(conn.sock):
            self._wait(conn, selectors.EVENT_WRITE, self._start)
            return
        conn.init()
        conn.parser.unreader.unread(bytes(conn.received))
        conn.received.clear()
        self.enqueue_req(conn)

    def _linger(self, conn: Connection, patience: float = LINGER) -> None:
        """End a connection so that the client still gets the answer (RFC 9112, section 9.6)."""
        conn.sock.setblocking(False)
        conn.sock.shutdown(socket.SHUT_WR)
        self._be_patient(conn, patience)
        self._discard(conn)

    def _discard(self, conn: Connection) -> None:
        size = len(_receive(conn.sock))
        conn.discarded += size
        self._put_off(conn, size)
        if conn.discarded > MAX_DISCARDED:
            self._drop(conn)
        else:
            self._wait(conn, selectors.EVENT_READ, self._discard)

    def _wait(self, conn: Connection, event: int, then: Step) -> None:
        """Take the step `then` at the next such event, unless it comes too late."""
        self.poller.register(conn.sock, event, partial(self._resume, conn, then))
        self.waiting.add(conn)

    def _resume(self, conn: Connection, step: Step, _: object) -> None:
        self._stop_waiting(conn)
        self._step(conn, step)

    def _stop_waiting(self, conn: Connection) -> None:
        if conn in self.waiting:
            self.waiting.remove(conn)
            self.poller.unregister(conn.sock)

    def _drop(self, conn: Connection) -> None:
        self._stop_waiting(conn)
        self.nr_conns -= 1
        conn.close()

    def _be_patient(self, conn: Connection, seconds: float) -> None:
        """Give a client so long to be silent."""
        conn.patience = seconds
        conn.timeout = self._deadline(seconds)

    def _put_off(self, conn: Connection, size: int) -> None:
        """Give a client the time that it may take for as many bytes as have come from it."""
        if self.alive:
            latest = self._deadline(conn.patience)
            conn.timeout = min(latest, conn.timeout + size / SLOWEST)

    def _deadline(self, seconds: float) -> float:
        return time.monotonic() + (seconds if self.alive else min(seconds, LINGER))


def _receive(sock: socket.socket) -> bytes:
    """Return what has arrived, which may be nothing yet.

    Raises OSError when nothing more will.
    """
    try:
        data = sock.recv(READ_SIZE)
    except BlockingIOError:
        return b''
    if not data:
        raise ConnectionAbortedError('closed by the client')
    return data


def _timeval(seconds: float) -> bytes:
    """Return seconds as socket(7) takes them."""
    whole, rest = divmod(seconds, 1)
    return struct.pack('ll', int(whole), int(rest * 1_000_000))


def _is_writable(sock: socket.socket) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLOUT)
    return bool(poll.poll(0))
