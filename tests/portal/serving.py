"""A service with a portal, programs that are awkward, and people with tokens of their own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.paths import ROOT
from tests.platform import Site, lay_out, platform
from tests.triggers import TOKEN
from web.tokens import digest

# Of people by their names, each with a role.
ROLES = {'rita': 'reader', 'ulla': 'user', 'uwe': 'user', 'olaf': 'operator'}
HOSTILE = """</pre><script>alert('h')</script><img src=x onerror="alert(1)">&amp;{{ 7 * 7 }}"'`"""
RULES = """
[source.alerts]
kind = "alertmanager"
secret_env = "CALLS_TOKEN"

[[rule]]
id = "as-long-as-the-id-of-a-rule-may-be-x40xx"
source = "alerts"
run_as = "local"
match = { alertname = "Tried" }
program = "passwords"
stack = "tried"
inputs = { accounts = ["ann"] }
"""


@contextmanager
def portal(folder: Path, token: str = '', **settings: str) -> Iterator[Site]:
    """Serve the catalogue, the program of files and the awkward one; wait until that is up."""
    lay_out(folder)
    (folder / 'programs' / 'awkward').symlink_to(ROOT / 'tests' / 'programs' / 'awkward')
    rules = folder / 'rules.toml'
    rules.write_text(RULES if not token else '')
    calls = {'TRIGGERS_FILE': str(rules), 'CALLS_TOKEN': TOKEN}
    with platform(folder, token=token, **calls, **settings) as site:
        yield site


@contextmanager
def portal_with_tokens(folder: Path) -> Iterator[tuple[Site, Mapping[str, str]]]:
    """Serve it for people with tokens; yields it and the token of each, its client an operator."""
    found = {name: secrets.token_urlsafe(32) for name in ROLES}
    lines = [f'{name} {role} {digest(found[name])}\n' for name, role in ROLES.items()]
    file = folder / 'tokens'
    file.write_text(''.join(lines))
    with portal(folder, token=found['olaf'], API_TOKENS_FILE=str(file)) as site:
        yield site, found
