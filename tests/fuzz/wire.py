"""Raw connections: what no HTTP library would send, and what comes back."""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

from tests.service import Service

# Far longer than anything takes; only a service that hangs gets here.
DEADLINE = 60.0
STATUS = re.compile(rb'HTTP/1\.[01] (\d{3}) [A-Z]')  # no newline ends the body before it

HOST = b'Host: 127.0.0.1\r\n'
CLOSE = b'Connection: close'
GOOD = b'GET / HTTP/1.1\r\n' + HOST + CLOSE + b'\r\n\r\n'


def request(
    line: bytes = b'GET / HTTP/1.1', *headers: bytes, body: bytes = b'', host: bytes = HOST
) -> bytes:
    return line + b'\r\n' + host + b''.join(each + b'\r\n' for each in headers) + b'\r\n' + body


def connect(service: Service, receive_buffer: int = 0) -> socket.socket:
    address = urlsplit(service.url)
    connection = socket.socket()
    connection.settimeout(DEADLINE)
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.connect((address.hostname, address.port))
    return connection


@contextmanager
def connections(
    service: Service, count: int, receive_buffer: int = 0
) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        yield [stack.enter_context(connect(service, receive_buffer)) for _ in range(count)]


def read_to_end(connection: socket.socket) -> bytes:
    """Return what comes until the service ends the connection, in whichever way."""
    answer = b''
    try:
        while data := connection.recv(65536):
            answer += data
    except ConnectionResetError:
        pass
    return answer


def exchange(service: Service, *parts: bytes, half_close: bool = True) -> bytes:
    """Send `parts`, each in packets of its own, and return all that comes back."""
    with connect(service) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for part in parts:
                connection.sendall(part)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has had enough and has ended the connection
        return read_to_end(connection)


def exchange_many(service: Service, count: int, *parts: bytes) -> list[bytes]:
    """Do the same on many connections at once."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: exchange(service, *parts), range(count)))


def reset(connection: socket.socket) -> None:
    """End a connection as a client does that has died."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    connection.close()


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in STATUS.findall(answer)]
