"""Whatever of a migration is killed: with a resume no row is lost, doubled or changed."""

from __future__ import annotations

import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from migrations import errors
from tests import processes
from tests.faults import lasting
from tests.faults.conftest import Rounds
from tests.migrating import SUMS, Case, empty_database, sqlite_file
from tests.postgres import Database, postgres

ROWS, CHUNK = 60_000, 2_000
ROUNDS, ALL_ROUNDS = 1, 30
# So often is one of them killed before it is left in peace.
KILLS = 2
DEADLINE = 120.0
NUMBERS = f'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})'


@pytest.fixture(scope='module')
def servers() -> Iterator[tuple[Database, Database]]:
    """Two PostgreSQL servers: to take from, to bring to."""
    with postgres() as source, postgres() as target:
        yield source, target


@pytest.fixture(params=['sqlite', 'postgres'])
def case(
    request: pytest.FixtureRequest, servers: tuple[Database, Database], tmp_path: Path
) -> Iterator[Case]:
    """A source with two tables of which one refers to the other, and an empty target."""
    with ExitStack() as stack:
        target = stack.enter_context(empty_database(servers[1]))
        found = Case('', target, tmp_path)
        if request.param == 'sqlite':
            found.source = sqlite_file(
                tmp_path,
                'CREATE TABLE a (i integer primary key, t text);'
                f"{NUMBERS} INSERT INTO a SELECT i, 'text ' || i FROM n",
                'CREATE TABLE b (i integer primary key, t text, a int references a (i));'
                f"{NUMBERS} INSERT INTO b SELECT i, 'text ' || i, i FROM n",
            )
        else:
            found.source = stack.enter_context(empty_database(servers[0]))
            with psycopg.connect(found.source) as connection:
                connection.execute('CREATE TABLE a (i int PRIMARY KEY, t text)')
                connection.execute('CREATE TABLE b (i int PRIMARY KEY, t text, a int REFERENCES a)')
                for table, more in (('a', ''), ('b', ', i')):
                    query = f"INSERT INTO {table} SELECT i, 'text ' || i{more} FROM generate_series"
                    connection.execute(f'{query}(1, {ROWS}) i'.encode())
        yield found


Kill = Callable[[subprocess.Popen[str], tuple[Database, Database]], None]


def kill_worker(command: subprocess.Popen[str], servers: tuple[Database, Database]) -> None:
    """Kill one of the processes that copy."""
    if workers := processes.descendants(command.pid):
        lasting.kill(random.choice(workers))


def kill_parent(command: subprocess.Popen[str], servers: tuple[Database, Database]) -> None:
    """Kill the command; what it has started has to end by itself."""
    workers = processes.descendants(command.pid)
    lasting.kill(command.pid)
    processes.await_end(workers)


def kill_target(command: subprocess.Popen[str], servers: tuple[Database, Database]) -> None:
    """Kill all processes of the target's server, and start it again."""
    servers[1].crash()


def kill_source(command: subprocess.Popen[str], servers: tuple[Database, Database]) -> None:
    """Kill all processes of the source's server, and start it again."""
    servers[0].crash()


SELDOM = [
    pytest.param(each, marks=pytest.mark.slow) for each in (kill_parent, kill_source, kill_worker)
]


@pytest.mark.parametrize('kill', [kill_target, *SELDOM])
def test_killed(case: Case, kill: Kill, servers: tuple[Database, Database], rounds: Rounds) -> None:
    """Killed at random and resumed, a migration brings each row once, and as it was."""
    if kill is kill_source and case.source.startswith('sqlite'):
        pytest.skip('SQLite has no server')
    expected = [(ROWS, ROWS, ROWS * (ROWS + 1) // 2)]
    for number in range(rounds(ROUNDS, ALL_ROUNDS)):
        migration = f'round_{number}'
        begin = ('run', '--id', migration, '--chunk-rows', str(CHUNK))
        go_on = ('resume', migration, '--chunk-rows', str(CHUNK))
        outcomes = []
        for attempt in range(KILLS + 1):
            with case.command(*(begin if attempt == 0 or not case.left() else go_on)) as command:
                if attempt < KILLS:
                    time.sleep(random.uniform(0.3, 2.0))
                    kill(command, servers)
                out, told = command.communicate(timeout=DEADLINE)
            outcomes.append((command.returncode, out, told))
            assert command.returncode in (0, *ALLOWED), outcomes
            if is_swapped(case, outcomes) and not case.left():
                break
        assert is_swapped(case, outcomes), outcomes
        for table in ('a', 'b'):
            assert [row[:3] for row in case.rows(SUMS.format(table))] == expected, outcomes
            wrong = f"SELECT count(*) FROM {table} WHERE t <> 'text ' || i"
            assert case.rows(wrong) == [(0,)]
        assert case.left() == []
        case.execute('DROP TABLE b', 'DROP TABLE a')


# Of a process that was killed, and of one whose server or worker was.
ALLOWED = (-signal.SIGKILL, errors.LostError.exit_code, errors.ConnectError.exit_code)


def test_swap_is_one_step(case: Case) -> None:
    """Whoever reads all the while sees both old tables, or both new ones."""
    case.execute(
        'CREATE TABLE a (i int)',
        'CREATE TABLE b (i int)',
        'INSERT INTO a VALUES (1)',
        'INSERT INTO b VALUES (1)',
    )
    seen: set[Any] = set()
    ended = threading.Event()

    def read() -> None:
        with psycopg.connect(case.target, autocommit=True) as connection:
            while not ended.is_set():
                query = 'SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)'
                seen.add(connection.execute(query).fetchone())

    reader = threading.Thread(target=read)
    reader.start()
    case.chunk_rows = CHUNK
    try:
        case.run(case.plan(replacing=True))
    finally:
        ended.set()
        reader.join()
    assert seen - {(ROWS, ROWS)} == {(1, 1)}


def test_two_resumes_at_once(case: Case) -> None:
    """Of two that go on with one migration, one does and the other says so."""
    case.chunk_rows = CHUNK
    case.stop = lambda: 'copying, 0 rows are there' in case.log
    with pytest.raises(errors.CancelledError):
        case.run()
    both = [case.command('resume', 'test', '--chunk-rows', str(CHUNK)) for _ in range(2)]
    outcomes = [(*each.communicate(timeout=DEADLINE), each.returncode) for each in both]
    codes = sorted(each[2] for each in outcomes)
    # The second may also come when all is done.
    others = (errors.BusyError.exit_code, errors.UnknownError.exit_code)
    assert codes[0] == 0, outcomes
    assert codes[1] in others, outcomes
    assert [row[:2] for row in case.rows(SUMS.format('b'))] == [(ROWS, ROWS)]


def test_source_changes_between_attempts(
    servers: tuple[Database, Database], tmp_path: Path
) -> None:
    """Chunks of an earlier snapshot count only if they are the same in the one of the resume."""
    with empty_database(servers[0]) as source, empty_database(servers[1]) as target:
        case = Case(source, target, tmp_path, chunk_rows=CHUNK)
        with psycopg.connect(source) as connection:
            connection.execute('CREATE TABLE a (i int, t text)')
            connection.execute('CREATE TABLE z (i int, t text)')
            for table in 'az':
                query = f"INSERT INTO {table} SELECT i, 'text' FROM generate_series(1, {ROWS}) i"
                connection.execute(query.encode())
        case.stop = lambda: bool(case.left()) and is_copied(case, 'a')
        with pytest.raises(errors.CancelledError):
            case.run()
        with psycopg.connect(source) as connection:
            connection.execute("UPDATE a SET t = 'other' WHERE i = 1")
            connection.execute('DELETE FROM z WHERE i = 5')
        case.stop = lambda: False
        case.resume()
        assert case.rows("SELECT count(*) FROM a WHERE t = 'other'") == [(1,)]
        assert case.rows('SELECT count(*), count(DISTINCT i) FROM a') == [(ROWS, ROWS)]
        assert case.rows('SELECT count(*), count(DISTINCT i) FROM z') == [(ROWS - 1, ROWS - 1)]
        assert any('a has changed meanwhile' in line for line in case.log)


def is_copied(case: Case, table: str) -> bool:
    """Whether some of a table is there; the processes take the tables in any order."""
    query = f"SELECT count(*) FROM _mig_test._job WHERE done AND step = 'copy' AND tbl = '{table}'"
    return bool(case.rows(query)[0][0])


def is_swapped(case: Case, outcomes: list[Any]) -> bool:
    """Whether the tables have their names: both of them or none."""
    query = "SELECT to_regclass('a') IS NOT NULL, to_regclass('b') IS NOT NULL"
    ((one, other),) = case.rows(query)
    assert one == other, outcomes
    return bool(one)
