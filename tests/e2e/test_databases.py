"""Databases on a real server, by the requests that clients send."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.database_server import DatabaseServer, query
from tests.platform import Client
from tests.service import Service, serving

PROGRAM = 'database'


class Databases:
    """A service with databases, and its server."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.client = Client(service.url)
        self.server = DatabaseServer(service.state)

    def create(self, stack: str, **inputs: Any) -> dict[str, str]:
        """Make a database stack; return its outputs, with the secret ones in clear."""
        self.client.done(self.client.create(stack, inputs, program=PROGRAM))
        return self.outputs(stack)

    def outputs(self, stack: str) -> dict[str, str]:
        found = dict(self.client.get(f'/stacks/{stack}/outputs'))
        for name, value in found.items():
            if value == '[secret]':
                found[name] = self.reveal(stack, name)
        return found

    def reveal(self, stack: str, output: str) -> str:
        answer = self.client.call('POST', f'/stacks/{stack}/reveal', json={'output': output})
        assert answer.status_code == 200, answer.text
        return str(answer.json()['value'])

    def update(self, stack: str, **inputs: Any) -> dict[str, Any]:
        return self.client.ended(self.client.start(stack, 'update', inputs=inputs))

    def destroy(self, stack: str) -> dict[str, Any]:
        return self.client.ended(self.client.destroy(stack))


@pytest.fixture(scope='module')
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    with serving(tmp_path_factory.mktemp('databases')) as service:
        found = Databases(service)
        found.client.wait_until_up()
        yield found


def test_whole_life(databases: Databases) -> None:
    """A database is there, its owner may do everything in it, and nothing is left of it."""
    found = databases.create('first', name='app')
    assert (found['database'], found['user'], found['host']) == ('app', 'app', '127.0.0.1')
    assert query(found['url'], 'SELECT current_user, current_database()') == [('app', 'app')]
    query(found['url'], 'CREATE TABLE t (a int)')
    query(found['url'], 'DROP TABLE t')
    assert databases.destroy('first')['state'] == 'succeeded'
    assert (databases.server.databases(), databases.server.roles()) == (set(), set())
    with pytest.raises(psycopg.OperationalError, match='password authentication failed'):
        query(found['url'], 'SELECT 1')
