"""Ports of this machine for pools."""

import random
import socket

from pools.errors import PoolError

# Below it a port takes rights of the system.
LOWEST = 1024
# Below those that the kernel gives to outgoing connections, so that none of these takes them.
FIRST, LAST = 20000, 29999
TRIES = 100


def choose() -> int:
    """Return a port that is free.

    Raises PoolError when there is none.
    """
    for port in random.sample(range(FIRST, LAST + 1), TRIES):
        if is_free(port):
            return port
    raise PoolError(f'There is no free port from {FIRST} to {LAST} on this machine.')


def is_free(port: int) -> bool:
    """Tell whether nobody listens on a port."""
    with socket.socket() as tried:
        # As servers do: connections of before that fade away are in nobody's way.
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(('127.0.0.1', port))
        except OSError:
            return False
    return True
