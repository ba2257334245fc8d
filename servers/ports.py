"""Ports of loopback for servers of our own."""

from __future__ import annotations

import random
import socket
from collections.abc import Sequence

# Below those that the kernel gives to outgoing connections, so that none of these takes them.
FIRST, LAST = 20000, 29999
TRIES = 100


def choose(count: int, before: Sequence[int] = ()) -> list[int]:
    """Return free ports: those of before, so that addresses stay, where nobody has taken one.

    Raises OSError when none can be found.
    """
    if len(before) == count and all(map(_is_free, before)):
        return list(before)
    found: list[int] = []
    for port in random.sample(range(FIRST, LAST + 1), TRIES):
        if len(found) < count and _is_free(port):
            found.append(port)
    if len(found) < count:
        raise OSError(f'there are no {count} free ports from {FIRST} to {LAST}')
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        # As servers do: connections of before that fade away are in nobody's way.
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(('127.0.0.1', port))
        except OSError:
            return False
    return True
