"""Migrations that a real service is asked for, and how far they are."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from tests.platform import Client

PATIENCE = 120.0
# Enough rows for a copy to be met in its midst, with a chunk of it done.
ROWS = 800_000
CHUNK = 100_000


def many(rows: int = ROWS) -> str:
    """Return what makes a table of so many rows."""
    return f"""
        CREATE TABLE many (id INTEGER PRIMARY KEY, color TEXT NOT NULL, size REAL);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
        INSERT INTO many SELECT i, 'color ' || i || hex(randomblob(40)), i / 3.0 FROM n;
    """


class Moving:
    """Whoever asks a service for migrations; client: returns one of the service as it is now."""

    def __init__(self, client: Callable[[], Client]) -> None:
        self._client = client

    @property
    def client(self) -> Client:
        """A client of the service as it is now."""
        return self._client()

    def begin(self, source: str, target: str, **more: Any) -> str:
        """Order a migration from one URL, or `stack NAME`, to another; return its path."""
        body = {'source': _end(source), 'target': _end(target), **more}
        return f'/migrations/{self.client.order("POST", "/migrations", body)["id"]}'

    def again(self, path: str, how: str) -> None:
        self.client.order('POST', f'{path}/{how}')

    def when(self, path: str, holds: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Wait until something holds of a migration; return it."""
        ends_at = time.monotonic() + PATIENCE
        while True:
            found: dict[str, Any] = self.client.get(path)
            if holds(found):
                return found
            assert time.monotonic() < ends_at, found
            time.sleep(0.05)  # the service does not call back

    def ended(self, path: str) -> dict[str, Any]:
        return self.when(path, lambda found: found['ended_at'])

    def done(self, path: str) -> dict[str, Any]:
        found = self.ended(path)
        assert found['state'] == 'succeeded', (found, self.log(found))
        return found

    def copying(self, path: str) -> None:
        """Wait until two processes must have done a chunk, and all is not done yet."""
        found = self.when(path, lambda found: is_copying(found['progress']))
        assert found['ended_at'] is None

    def log(self, found: dict[str, Any]) -> str:
        return self.client.log({'id': found['run']})


def is_copying(progress: dict[str, Any] | None) -> bool:
    return progress is not None and progress['step'] == 'copy' and progress['rows'] >= 2 * CHUNK


def assert_went_on(log: str) -> None:
    """Assert that what was copied before a migration was interrupted was not copied again."""
    there = [int(number) for number in re.findall(r'copying, (\d+) rows are there', log)]
    # Where it says so but once, all had been copied by then.
    assert len(there) == 1 or there[-1] >= CHUNK, log


def _end(text: str) -> dict[str, str]:
    is_stack = text.startswith('stack ')
    return {'stack' if is_stack else 'url': text.removeprefix('stack ')}
