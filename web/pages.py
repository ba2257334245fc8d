"""Which requests are for pages, that people look at in a browser, and not for programs."""

from __future__ import annotations

PAGES = '/portal'


def is_page(path: str) -> bool:
    """Tell whether a path leads to a page, or to what belongs to one."""
    return path == PAGES or path.startswith(f'{PAGES}/')
