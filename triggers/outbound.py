"""Requests to addresses that settings or callers name, and to nobody else's.

A name is resolved once, every address that it has is checked, and the connection goes to a checked
one: what a name says later, or a redirect, leads nowhere. No proxy of the environment is used.
"""

from __future__ import annotations

import functools
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from settings import Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]

# Seconds for all of a request: name, connection, TLS, answer.
TIMEOUT = 15.0
# Bytes of an answer that are kept.
MOST_KEPT = 200
# Of IPv6, what is given out to the internet; and in there 6to4 and Teredo, which lead to IPv4.
GLOBAL = ipaddress.ip_network('2000::/3')
TUNNELS = (ipaddress.ip_network('2002::/16'), ipaddress.ip_network('2001::/32'))
PORTS = {'https': 443, 'http': 80}


class OutboundError(Exception):
    """There was no answer; the message says why, and has nothing of the URL but its host."""


class RefusedError(OutboundError):
    """The request must not be sent there."""


@dataclass(frozen=True)
class Answer:
    """What came back.

    retry_after: what the header of this name says. text: how the body begins.
    """

    status: int
    retry_after: str
    text: str


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host.

    Raises OSError where it has none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class Outbound:
    """Sends requests; for any thread.

    networks: where requests may go to though they are private, also by plain http and to any port.
    context: whom TLS trusts; as the system does when None.
    """

    def __init__(
        self,
        networks: Sequence[Network],
        resolve: Resolve = resolve,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._networks = networks
        self._resolve = resolve
        self._context = context

    def post(
        self, url: str, body: bytes, headers: Mapping[str, str], seconds: float = TIMEOUT
    ) -> Answer:
        """Send a body and return the answer, whatever it is; redirects are not followed.

        seconds: for all of it, but for the time that the system takes to resolve the name.

        Raises OutboundError, and RefusedError before anything was sent.
        """
        parts = checked_url(url)
        port = parts.port or PORTS[parts.scheme]
        host = parts.hostname or ''
        with _told(host):
            address = self._checked(parts, host, port)
            with _deadline(address, port, seconds) as opened:
                return self._exchange(parts, opened, body, headers)

    def _checked(self, parts: SplitResult, host: str, port: int) -> str:
        """Return the address to connect to.

        Raises RefusedError when any of the addresses must not be reached.
        """
        addresses = self._resolve(host, port)
        if not addresses:
            raise OutboundError(f'{host} has no address.')
        for each in addresses:
            self._insist_on_reach(parts, host, port, each)
        return addresses[0]

    def _insist_on_reach(self, parts: SplitResult, host: str, port: int, text: str) -> None:
        address = unwrapped(text)
        if any(address in network for network in self._networks):
            return
        if not is_public(address):
            raise RefusedError(
                f'{host} has a private address, and OUTBOUND_NETWORKS does not name it.'
            )
        if parts.scheme != 'https' or port != PORTS['https']:
            raise RefusedError(f'{host} is public: only https on port 443 leads there.')

    def _exchange(
        self,
        parts: SplitResult,
        opened: socket.socket,
        body: bytes,
        headers: Mapping[str, str],
    ) -> Answer:
        host = parts.hostname or ''
        connection: http.client.HTTPConnection
        if parts.scheme == 'https':
            connection = http.client.HTTPSConnection(host, parts.port)
            context = self._context or _trusted()
            connection.sock = context.wrap_socket(opened, server_hostname=host)
        else:
            connection = http.client.HTTPConnection(host, parts.port)
            connection.sock = opened
        with closing(connection):
            target = (parts.path or '/') + (f'?{parts.query}' if parts.query else '')
            connection.request('POST', target, body, {**headers, 'Connection': 'close'})
            answer = connection.getresponse()
            text = answer.read(MOST_KEPT).decode('utf-8', 'replace')
            return Answer(answer.status, answer.getheader('Retry-After') or '', text)


@functools.cache
def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context()


def checked_url(url: str) -> SplitResult:
    """Return the parts of a URL that a request can be sent to.

    Raises RefusedError.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port  # Raises ValueError.
    except ValueError:
        raise RefusedError('It is no URL.') from None
    if parts.scheme not in PORTS or not parts.hostname or '@' in parts.netloc or parts.fragment:
        raise RefusedError('It must be as https://host/path, without a user in it.')
    if not (url.isascii() and url.isprintable()) or ' ' in url:
        raise RefusedError('It has characters that no URL has.')
    return parts


def unwrapped(text: str) -> Address:
    """Return an address; of an IPv4 one that is written as IPv6, that."""
    address = ipaddress.ip_address(text.partition('%')[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def is_public(address: Address) -> bool:
    """Tell whether an address is one of the internet's, and not a way to others."""
    if not address.is_global or address.is_multicast:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return True
    return address in GLOBAL and not any(address in each for each in TUNNELS)


@contextmanager
def _told(host: str) -> Iterator[None]:
    """Have what goes wrong in the body be told without the URL, which may be a secret."""
    try:
        yield
    except ssl.SSLError as error:
        reason = getattr(error, 'verify_message', '') or error.reason or 'TLS failed'
        raise OutboundError(f'{host} cannot be trusted: {reason}.') from None
    except TimeoutError:
        raise OutboundError(f'{host} did not answer in time.') from None
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        reason = getattr(error, 'strerror', None) or 'its answer is none'
        raise OutboundError(f'{host} cannot be reached: {reason}.') from None


@contextmanager
def _deadline(address: str, port: int, seconds: float) -> Iterator[socket.socket]:
    """Connect, and end the connection when the time is over, however slowly anything comes."""
    is_late = threading.Event()
    opened = socket.create_connection((address, port), seconds)

    def end() -> None:
        is_late.set()
        with suppress(OSError):
            # Of the plain socket: what waits in TLS sees the end of it.
            opened_copy.shutdown(socket.SHUT_RDWR)

    opened_copy = opened.dup()
    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield opened
    except (OSError, http.client.HTTPException, ValueError):
        if not is_late.is_set():
            raise
    finally:
        timer.cancel()
        opened_copy.close()
        opened.close()
    if is_late.is_set():
        # Also where what had come by then may be taken for an answer.
        raise TimeoutError
