"""Where the service is, and whether a token may go there."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from infra.errors import SettingsError

# What a header can carry as a Bearer token (RFC 6750), and a little more.
TOKEN = re.compile(r'[!-~]+')


def checked_url(url: str) -> str:
    """Return the url without a slash at its end.

    Raises SettingsError when it is none that requests can be sent to.
    """
    try:
        parts = urlsplit(url)
        is_whole = parts.scheme in ('http', 'https') and bool(parts.hostname)
        _ = parts.port  # Looked at, it is checked.
    except ValueError:
        is_whole = False
    if not is_whole or not url.isprintable() or ' ' in url:
        raise SettingsError(
            f'{url!r} is no url of a service. Give one as https://infra.example.com'
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise SettingsError('The url of the service has neither a user, nor `?`, nor `#` in it.')
    return url.rstrip('/')


def checked_token(token: str) -> str:
    """Return the token.

    Raises SettingsError, without the token in it, when no header can carry it.
    """
    if token and not TOKEN.fullmatch(token):
        raise SettingsError(
            'The token has characters in it that no token has, such as a space or a line break. '
            'Was it copied in full, and nothing else with it?'
        )
    return token


def insist_on_privacy(url: str) -> None:
    """Raise SettingsError where others on the way could read a token."""
    if urlsplit(url).scheme == 'http' and not is_loopback(url):
        raise SettingsError(
            f'A token is not sent to {url}: over http, everybody on the way could read it. Use '
            'https, or allow it with --insecure (in Python: insecure=True).'
        )


def is_loopback(url: str) -> bool:
    """Tell whether the url leads to this machine."""
    host = urlsplit(url).hostname or ''
    if host == 'localhost' or host.endswith('.localhost'):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def origin(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port: tokens are for one of these."""
    parts = urlsplit(url)
    usual = {'http': 80, 'https': 443}.get(parts.scheme)
    return parts.scheme, parts.hostname or '', parts.port or usual
