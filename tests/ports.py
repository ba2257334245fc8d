"""Ports for servers that cannot choose their own."""

from __future__ import annotations

import socket


def free_port() -> str:
    """Return a port that nobody listens on."""
    with socket.socket() as one:
        one.bind(('127.0.0.1', 0))
        return str(one.getsockname()[1])
