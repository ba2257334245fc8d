"""Whatever a migration of a real service needs is killed: no row is lost, doubled or changed."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests import processes
from tests.database_server import query
from tests.faults.conftest import Rounds
from tests.faults.lasting import Lasting, kill, lasting
from tests.migrating import LEFT, SUMS, empty_database, whole_url
from tests.moving import Moving
from tests.postgres import Database, postgres

ROWS = 400_000
ROUNDS, ALL_ROUNDS = 1, 30
# So often is something killed before it is left in peace.
KILLS = 3
# From an order to the end it takes less than this, so that some are hit in each of their steps.
LATEST = 3.0
MOST_TRIES = 2 * KILLS
WORKER = 'migrations.worker'
RAN = {'succeeded', 'failed', 'interrupted'}
FILL = f"""
    CREATE TABLE a (i int PRIMARY KEY, t text);
    CREATE TABLE b (i int PRIMARY KEY, t text, a int REFERENCES a);
    INSERT INTO a SELECT i, 'text ' || i FROM generate_series(1, {ROWS}) i;
    INSERT INTO b SELECT i, 'text ' || i, i FROM generate_series(1, {ROWS}) i;
"""


class Scene:
    """A service, the server that it moves tables from, and the one that it moves them to."""

    def __init__(self, here: Lasting, source: Database, target: Database) -> None:
        self.here = here
        self.source = source
        self.target = target

    def strike(self, part: str) -> None:
        """Kill a part, and have it be back."""
        if part == 'service':
            self.here.restart()
        elif part == 'worker':
            self._kill_worker()
        elif part == 'source':
            self.source.crash()
        else:
            self.target.crash()

    def _kill_worker(self) -> None:
        below = processes.descendants(self.here.site.service.process.pid)
        workers = [each for each in below if WORKER in processes.command_line(each)]
        if workers:
            kill(random.choice(workers))


@pytest.fixture
def scene(tmp_path: Path, built_engine: object) -> Iterator[Scene]:
    with (
        postgres() as source,
        postgres() as target,
        lasting(tmp_path, MIGRATION_HOSTS='127.0.0.1', RUN_TIMEOUT='60') as here,
    ):
        with source.connect() as connection:
            connection.execute(FILL.encode())
        yield Scene(here, source, target)


@pytest.mark.slow
def test_killed(scene: Scene, rounds: Rounds) -> None:
    """Of a migration whose parts are killed at random each row is there once, and as it was."""
    moving = Moving(lambda: scene.here.client)
    source = whole_url(scene.source, 'postgres')
    wanted = sums(source)
    for _ in range(rounds(ROUNDS, ALL_ROUNDS)):
        with ExitStack() as stack:
            target = stack.enter_context(empty_database(scene.target))
            path = moving.begin(source, target)
            struck = []
            for _ in range(KILLS):
                time.sleep(random.uniform(0, LATEST))
                struck.append(random.choice(['service', 'worker', 'source', 'target']))
                scene.strike(struck[-1])
            bring_to_its_end(moving, path, struck)
            assert sums(target) == wanted, struck
            assert query(target, LEFT.replace('%%', '%')) == [], struck


def bring_to_its_end(moving: Moving, path: str, struck: list[str]) -> None:
    """Wait until a migration has succeeded, resumed where a kill had it fail."""
    for _ in range(MOST_TRIES):
        found = moving.ended(path)
        assert found['state'] in RAN, found
        if found['state'] == 'succeeded':
            return
        assert found['error']['message'], found
        moving.again(path, 'resume')
    raise AssertionError(f'{struck}: {found["error"]}')


def sums(url: str) -> list[Any]:
    """Return what is alike where all rows of both tables are."""
    return [query(url, SUMS.format(table)) for table in ('a', 'b')]
