"""The cookie that says which session a browser has."""

from __future__ import annotations

from datetime import datetime, timezone

import falcon

# Only with TLS a name may have this prefix, which no other host can set.
SECURE = '__Host-portal'
LONG_AGO = datetime(1970, 1, 1, tzinfo=timezone.utc)


def read(req: falcon.Request) -> str:
    """Return the secret of the session; empty without one."""
    values = req.get_cookie_values(_name(req))
    return values[0] if values else ''


def write(req: falcon.Request, resp: falcon.Response, secret: str) -> None:
    """Have the browser keep the secret until it is closed."""
    resp.set_cookie(
        _name(req), secret, path='/', secure=_is_secure(req), http_only=True, same_site='Lax'
    )


def remove(req: falcon.Request, resp: falcon.Response) -> None:
    """Have the browser forget it."""
    resp.set_cookie(
        *(_name(req), ''),
        expires=LONG_AGO,
        path='/',
        secure=_is_secure(req),
        http_only=True,
        same_site='Lax',
    )


def _name(req: falcon.Request) -> str:
    # Cookies do not tell ports apart, and on one machine there may be several services.
    return SECURE if _is_secure(req) else f'portal-{req.port}'


def _is_secure(req: falcon.Request) -> bool:
    # Whoever forges this harms but himself: a browser refuses the cookie.
    return req.forwarded_scheme == 'https'
