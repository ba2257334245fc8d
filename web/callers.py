"""Who is calling: the peer of the connection, or whom a trusted proxy says that it speaks for."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import falcon

from settings import Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Callers:
    """Tells the address of whoever made a request, as far as it can be believed."""

    def __init__(self, proxies: Sequence[Network]) -> None:
        self._proxies = proxies

    def caller(self, req: falcon.Request) -> str:
        """Return the last address on the way here that is no trusted proxy's.

        Each proxy adds the address of its own client at the end of X-Forwarded-For, so what stands
        before the word of the last trusted one may be made up, as may all of it without any.
        """
        told = (req.get_header('X-Forwarded-For') or '').split(',')
        caller = req.remote_addr
        for hop in [caller, *reversed(told)]:
            address = _address(hop)
            if address is None:
                break
            caller = str(address)
            if not any(address in network for network in self._proxies):
                break
        return caller


def _address(text: str) -> Address | None:
    """Return the address in `text`, or None where there is anything else."""
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return address
    # A scope may be any text, and as such forge a line of the log.
    return None if address.scope_id else address.ipv4_mapped or address
