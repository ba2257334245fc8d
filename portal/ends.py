"""The ends of a migration as a form has them: a stack, or a URL and, apart, its password."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from migrations.places import OPTIONS
from portal.fields import Form
from stacks.requests import End

STACK = 'stack '


def end(form: Form, name: str) -> End:
    """Return what a form says of an end; name: source or target."""
    url = _one(form, f'{name}-url').strip()
    password = _one(form, f'{name}-password')
    stack = _one(form, f'{name}-stack').strip()
    return End(url=whole(url, password) if url else None, stack=stack or None)


def values(name: str, end: str) -> dict[str, str]:
    """Return what a form has of an end as people see it in a migration."""
    is_stack = end.startswith(STACK)
    return {f'{name}-stack' if is_stack else f'{name}-url': end.removeprefix(STACK)}


def whole(url: str, password: str) -> str:
    """Return a URL with a password in it; the URL as it is where that cannot be told apart."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    if not password or not parts.netloc:
        return url
    login, _, host = parts.netloc.rpartition('@')
    user = login.partition(':')[0]
    return urlunsplit(parts._replace(netloc=f'{user}:{quote(password, safe="")}@{host}'))


def without_password(url: str) -> str:
    """Return a URL as it may be seen; nothing where a password cannot be told from the rest."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return '' if '@' in url else url
    if any(name not in OPTIONS for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
        # An option that no URL takes may be a password, whatever it is called.
        return ''
    login, at, host = parts.netloc.rpartition('@')
    user = login.partition(':')[0]
    if '@' in parts.path + parts.query + parts.fragment or '@' in user:
        # Of a password that is not encoded, some may stand anywhere.
        return ''
    return urlunsplit(parts._replace(netloc=f'{user}{at}{host}'))


def without_passwords(form: Form) -> dict[str, Sequence[str]]:
    """Return a form as it may be shown again."""
    shown = {name: [without_password(_one(form, name))] for name in form if name.endswith('-url')}
    return {**form, **shown}


def _one(form: Form, name: str) -> str:
    return form.get(name, [''])[-1]
