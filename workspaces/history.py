"""What Pulumi remembers of a stack's earlier runs: it lists all of that with each run, for ever.

The newest entries are kept. Which backends are known: the embedded one, and PostgreSQL.
"""

from __future__ import annotations

import logging
import re
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import psycopg
from psycopg import sql

from settings import Settings
from workspaces import environment

logger = logging.getLogger(__name__)

# Entries of a stack that are kept, and its runs until the others are removed again.
KEPT = 10
EVERY = 10
# `NAME-NANOSECONDS.history.json` and what belongs to it, as `….checkpoint.json.attrs`.
ENTRY = re.compile(r'.*-(?P<moment>\d+)\.(?:history|checkpoint)\.json')
# The same in the database.
OLD = """
delete from {table} where position(%(folder)s in key) > 0 and (regexp_match(key, {entry}))[1] in (
    select distinct (regexp_match(key, {entry}))[1] as moment from {table}
    where position(%(folder)s in key) > 0 and key ~ {entry} order by moment desc offset %(kept)s
)
"""
CONNECT_TIMEOUT = 5


class History:
    """Shortens the histories of stacks; for all threads. The stack's turn must be the caller's."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._runs: Counter[str] = Counter()
        self._counting = threading.Lock()

    def after_run(self, project: str, stack: str) -> None:
        """Remove old entries after the first run here, and after each tenth from then on.

        What goes wrong is in the log: a run is not to suffer from it.
        """
        with self._counting:
            self._runs[stack] += 1
            is_due = self._runs[stack] % EVERY == 1
        if is_due:
            try:
                self._shorten(f'/.pulumi/history/{project}/{stack}/')
            except (OSError, psycopg.Error) as error:
                logger.warning('the history of %s was not shortened: %s', stack, error)

    def forget(self, project: str, stack: str) -> None:
        """Remove what Pulumi leaves of a stack that it has removed, where the backend is embedded.

        That is a backup of its empty state, and empty folders.
        """
        with self._counting:
            self._runs.pop(stack, None)
        if not self._settings.backend_url:
            url = environment.backend_url(self._settings)
            root = Path(urlsplit(url).path) / '.pulumi'
            # What is not empty is in use, or was put there by somebody else.
            with suppress(OSError):
                (root / 'stacks' / project / f'{stack}.json.bak').unlink(missing_ok=True)
            for folder in ('history', f'locks/{self._settings.org}'):
                with suppress(OSError):
                    (root / folder / project / stack).rmdir()

    def _shorten(self, folder: str) -> None:
        url = environment.backend_url(self._settings)
        if not self._settings.backend_url:
            shorten_files(Path(urlsplit(url).path + folder))
        elif urlsplit(url).scheme in environment.POSTGRES:
            shorten_rows(url, folder)


def shorten_files(folder: Path, kept: int = KEPT) -> None:
    """Remove all but the newest entries that are files."""
    found = {
        file: match['moment'] for file in folder.glob('*') if (match := ENTRY.match(file.name))
    }
    old = sorted(set(found.values()))[:-kept]
    for file in [file for file, moment in found.items() if moment in old]:
        file.unlink(missing_ok=True)


def shorten_rows(url: str, folder: str, kept: int = KEPT) -> None:
    """Remove all but the newest entries that are rows.

    Raises psycopg.Error.
    """
    parts, password = environment.without_password(urlsplit(url))
    # What is Pulumi's own in the URL is unknown to the database's client.
    given = dict(parse_qsl(parts.query))
    table = given.pop('table', 'pulumi_state')
    own = parts._replace(scheme='postgresql', query=urlencode(given)).geturl()
    pattern = sql.Literal(r'-(\d+)\.(?:history|checkpoint)\.json')
    query = sql.SQL(OLD).format(table=sql.Identifier(table), entry=pattern)
    with psycopg.connect(own, password=password, connect_timeout=CONNECT_TIMEOUT) as connection:
        connection.execute(query, {'folder': folder, 'kept': kept})
