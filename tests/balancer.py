"""A small load balancer for tests: each connection goes to the next service that accepts it."""

from __future__ import annotations

import itertools
import socket
import socketserver
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import cast
from urllib.parse import urlsplit

CONNECT_DEADLINE = 5.0
CHUNK = 65536


class _Balancer(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, services: Sequence[str]) -> None:
        super().__init__(('127.0.0.1', 0), _Connection)
        urls = [urlsplit(each) for each in services]
        self._services = [(str(each.hostname), int(each.port or 80)) for each in urls]
        self._turns = itertools.count()

    def connect(self) -> socket.socket:
        """Connect to the service whose turn it is, or to the next that can be reached."""
        turn = next(self._turns)
        for each in range(len(self._services)):
            host, port = self._services[(turn + each) % len(self._services)]
            with suppress(OSError):
                return socket.create_connection((host, port), CONNECT_DEADLINE)
        raise ConnectionError('no service can be reached')


class _Connection(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with cast(_Balancer, self.server).connect() as service:
            service.settimeout(None)
            back = threading.Thread(target=_copy, args=(service, self.request))
            back.start()
            _copy(self.request, service)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    # A side that is gone ends the copying; the other one is told that no more comes.
    with suppress(OSError):
        while chunk := source.recv(CHUNK):
            target.sendall(chunk)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def balancing(services: Sequence[str]) -> Iterator[str]:
    """Balance over the services at these URLs; yields the URL that stands for them all."""
    with _Balancer(services) as balancer:
        threading.Thread(target=balancer.serve_forever, daemon=True).start()
        try:
            yield f'http://127.0.0.1:{balancer.server_address[1]}'
        finally:
            balancer.shutdown()
