"""Where the pages are."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from web.pages import PAGES

STATIC = f'{PAGES}/static/'
LOGIN = f'{PAGES}/login'
STACKS = f'{PAGES}/stacks'
RUNS = f'{PAGES}/runs'
TRIGGERS = f'{PAGES}/triggers'


def new_stack(program: str) -> str:
    """Return where a stack of a program is made."""
    return f'{PAGES}/programs/{quote(program, safe="")}/new'


def stack(name: str, *below: str) -> str:
    """Return where a stack is, or what is below it."""
    return '/'.join([STACKS, quote(name, safe=''), *below])


def run(id: str, *below: str) -> str:
    """Return where a run is, or what is below it."""
    return '/'.join([RUNS, quote(id, safe=''), *below])


def login(after: str) -> str:
    """Return where to sign in; after: where that leads to then."""
    return f'{LOGIN}?{urlencode({"next": after})}'


def is_ours(target: str) -> bool:
    """Tell whether a redirect to this, which may come from anybody, stays among the pages."""
    is_below = target == PAGES or target.startswith((f'{PAGES}/', f'{PAGES}?'))
    is_plain = target.isascii() and target.isprintable() and '\\' not in target
    return is_below and is_plain and '//' not in target
