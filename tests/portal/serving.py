"""A service with a portal, programs that are awkward, and people with tokens of their own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.paths import ROOT
from tests.platform import Site, lay_out, platform
from web.tokens import digest

# Of people by their names, each with a role.
ROLES = {'rita': 'reader', 'ulla': 'user', 'olaf': 'operator'}
HOSTILE = """</pre><script>alert('h')</script><img src=x onerror="alert(1)">&amp;{{ 7 * 7 }}"'`"""


@contextmanager
def portal(folder: Path, **settings: str) -> Iterator[Site]:
    """Serve the catalogue, the program of files and the awkward one; wait until that is up."""
    lay_out(folder)
    (folder / 'programs' / 'awkward').symlink_to(ROOT / 'tests' / 'programs' / 'awkward')
    with platform(folder, **settings) as site:
        yield site


def tokens(folder: Path) -> tuple[Path, Mapping[str, str]]:
    """Write a file of tokens; return it, and the token of each person."""
    found = {name: secrets.token_urlsafe(32) for name in ROLES}
    file = folder / 'tokens'
    lines = [f'{name} {role} {digest(found[name])}' for name, role in ROLES.items()]
    file.write_text('\n'.join(lines) + '\n')
    return file, found
