"""Where the server is, for those who are to use a database there."""

import os
from urllib.parse import parse_qs, quote, urlencode, urlsplit

PORT = 5432


def address() -> dict[str, str | int]:
    """Return the server's `host` and `port`."""
    url = urlsplit(os.environ['POSTGRESQL_URL'])
    return {'host': url.hostname or '', 'port': url.port or PORT}


def url(user: str, password: str, database: str) -> str:
    """Return a database's URL, as every client takes it."""
    server = urlsplit(os.environ['POSTGRESQL_URL'])
    host = server.hostname or ''
    place = f'[{host}]' if ':' in host else host
    # Whether it is reached over TLS is a matter of the server; its other options are not for all.
    modes = parse_qs(server.query).get('sslmode', [])
    options = '?' + urlencode({'sslmode': modes[0]}) if modes else ''
    credentials = f'{quote(user)}:{quote(password, safe="")}'
    return f'postgresql://{credentials}@{place}:{server.port or PORT}/{quote(database)}{options}'
