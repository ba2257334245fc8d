"""Which requests are for pages, that people look at in a browser, and what browsers are told."""

from __future__ import annotations

PAGES = '/portal'
HEADERS = {
    'Content-Security-Policy': "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'",
    # Without a referrer, browsers send forms with the origin `null`.
    'Referrer-Policy': 'same-origin',
    'Cross-Origin-Opener-Policy': 'same-origin',
}


def is_page(path: str) -> bool:
    """Tell whether a path leads to a page, or to what belongs to one."""
    # Routes are found without regard to further slashes before them.
    plain = f'/{path.lstrip("/")}'
    return plain == PAGES or plain.startswith(f'{PAGES}/')
