"""Refusing what another site has a browser send: by where the browser says it comes from.

As Go's net/http.CrossOriginProtection does it. `Sec-Fetch-Site` comes with every request of today's
browsers to HTTPS and to loopback; elsewhere `Origin` tells. What has neither is no browser.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import falcon

SAFE_METHODS = ('GET', 'HEAD', 'OPTIONS')
# same-site is refused: another port of this host, and names beside it, may be somebody else's.
TRUSTED = ('same-origin', 'none')
WORDS = 'This was sent from another site. Open the page here, and send it from there.'


def insist_on_own(req: falcon.Request) -> None:
    """Raise falcon.HTTPForbidden where a browser sends what another site has made it send."""
    if req.method in SAFE_METHODS:
        return
    site = req.get_header('Sec-Fetch-Site')
    origin = req.get_header('Origin')
    is_own = site in TRUSTED if site else origin is None or _is_host(origin, req)
    if not is_own:
        raise falcon.HTTPForbidden(description=WORDS)


def _is_host(origin: str, req: falcon.Request) -> bool:
    # Without the scheme: behind a proxy that ends TLS, it is not known here.
    try:
        return urlsplit(origin).netloc.lower() == (req.get_header('Host') or '').lower() != ''
    except ValueError:
        return False
