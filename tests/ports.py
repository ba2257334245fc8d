"""Ports for servers that cannot choose their own."""

from __future__ import annotations

from servers import ports


def free_port() -> str:
    """Return a port that nobody listens on, nor gets for a connection that begins meanwhile."""
    [found] = ports.choose(1)
    return str(found)
