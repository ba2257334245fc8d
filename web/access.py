"""Who may call: the Host that a request names, the token that it carries, the headers it gets."""

from __future__ import annotations

import hmac
import re

import falcon

from settings import Settings
from web.identity import Caller

LOOPBACK_NAMES = {'localhost', '127.0.0.1', '::1'}
# What a load balancer or an orchestrator asks without a token.
OPEN_PATHS = {'/healthz', '/readyz'}

HOST = re.compile(r'(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[^:\[\]]+))(?::\d+)?')

HEADERS = {
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Resource-Policy': 'same-origin',
}


class Middleware:
    """Refuses requests from those who may not call, before any handler sees them."""

    def __init__(self, settings: Settings) -> None:
        self._token = settings.api_token.encode()
        given = {name.strip().lower() for name in settings.allowed_hosts.split(',')} - {''}
        # Behind a token, any name may lead here; without one, a name that is not ours may be a
        # page in somebody's browser that has its own name point to this machine.
        self._hosts = given | LOOPBACK_NAMES if given or settings.is_loopback else None

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.set_headers(HEADERS)
        req.context.caller = Caller('anybody', 'operator')
        has_body = req.content_length or req.get_header('Transfer-Encoding')
        if has_body and not req.path.startswith('/v1/'):
            raise falcon.HTTPContentTooLarge(description='No request here has a body.')
        if req.path in OPEN_PATHS:
            return
        if self._hosts is not None and _host(req) not in self._hosts:
            raise falcon.HTTPForbidden(description='This Host is not served here.')
        if self._token and not self._is_right(req.auth):
            raise falcon.HTTPUnauthorized(
                description='A bearer token is needed.', challenges=['Bearer']
            )

    def _is_right(self, authorization: str | None) -> bool:
        scheme, _, token = (authorization or '').partition(' ')
        # In constant time, so that the time taken tells nothing of the token.
        return scheme.lower() == 'bearer' and hmac.compare_digest(
            token.strip().encode(), self._token
        )


def _host(req: falcon.Request) -> str:
    """Return the name in the Host header, in lower case, without port and brackets."""
    match = HOST.fullmatch(req.get_header('Host') or '')
    return (match['address'] or match['name']).lower() if match else ''
