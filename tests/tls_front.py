"""TLS in front of a PostgreSQL that was built without it, as PostgreSQL negotiates it."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# What a client sends first that wants TLS: the length of its request, and this number.
TLS_WANTED = struct.pack('!II', 8, 80_877_103)


@contextmanager
def tls_front(port: int, certificate: Path) -> Iterator[int]:
    """Yield the port of a front with a certificate and its key, which takes nobody without TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(('127.0.0.1', 0)) as listener:
        threading.Thread(target=_serve, args=(listener, port, context), daemon=True).start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)


def _serve(listener: socket.socket, port: int, context: ssl.SSLContext) -> None:
    with suppress(OSError):
        while True:
            client = listener.accept()[0]
            threading.Thread(target=_carry, args=(client, port, context), daemon=True).start()


def _carry(client: socket.socket, port: int, context: ssl.SSLContext) -> None:
    with suppress(OSError), client:
        if client.recv(len(TLS_WANTED), socket.MSG_WAITALL) != TLS_WANTED:
            return
        client.sendall(b'S')
        with (
            context.wrap_socket(client, server_side=True) as near,
            socket.create_connection(('127.0.0.1', port)) as far,
        ):
            back = threading.Thread(target=_copy, args=(far, near), daemon=True)
            back.start()
            _copy(near, far)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
