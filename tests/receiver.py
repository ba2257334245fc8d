"""A receiver of what the service sends: it keeps all, and answers as a test wants."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PATIENCE = 60.0


@dataclass(frozen=True)
class Call:
    """What came in; headers: by their names in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Reply:
    """What is answered; released: nothing is, until this is set."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b''
    released: threading.Event | None = None


class Receiver:
    """A server on a free port of loopback."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.reply: Callable[[Call], Reply] = lambda call: Reply()
        self._came = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.take(self)

            def do_GET(self) -> None:
                receiver.take(self)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.port = self._server.server_port
        self.url = f'http://127.0.0.1:{self.port}'
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True)
        self._thread.start()

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        """Keep a call, and answer it."""
        body = handler.rfile.read(int(handler.headers.get('Content-Length') or 0))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        call = Call(handler.path, headers, body)
        with self._came:
            self.calls.append(call)
            self._came.notify_all()
        reply = self.reply(call)
        if reply.released is not None:
            reply.released.wait(PATIENCE)
        try:
            handler.send_response(reply.status)
            for name, value in reply.headers.items():
                handler.send_header(name, value)
            handler.send_header('Content-Length', str(len(reply.body)))
            handler.end_headers()
            handler.wfile.write(reply.body)
        except OSError:
            handler.close_connection = True  # The caller did not wait for it.

    def wait_for(self, count: int) -> list[Call]:
        """Return the calls, as soon as there are so many."""
        with self._came:
            ends_at = time.monotonic() + PATIENCE
            while len(self.calls) < count:
                assert self._came.wait(ends_at - time.monotonic()), self.calls
            return list(self.calls)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Have a receiver, and end it."""
    receiver = Receiver()
    try:
        yield receiver
    finally:
        receiver.close()
