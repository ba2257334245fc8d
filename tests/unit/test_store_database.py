"""The records' file: its tables, who makes them, and what happens when it does not answer."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from stacks.errors import UnavailableError
from stacks.store import database, runs, schema, stacks
from stacks.store.database import FILE, Database, DatabaseError
from stacks.store.tables import metadata
from tests.paths import ROOT
from tests.records import Site, add_run, add_stack

CONNECT = """
import sys
from pathlib import Path
from stacks.store import database
database.connect('', Path(sys.argv[1])).close()
"""


def differences(found: Database) -> list[object]:
    """Return what the tables have otherwise than tables.py."""
    with found.reading() as connection:
        options = {'version_table': 'platform_version', 'compare_type': True}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, metadata))


def test_tables(tmp_path: Path) -> None:
    """The migrations make exactly the tables that the code knows, and do so once."""
    for _ in range(2):
        opened = database.connect('', tmp_path)
        assert differences(opened) == []
        opened.close()


def test_newest_version() -> None:
    """What the service takes for the newest version is where the migrations lead."""
    config = Config()
    config.set_main_option('script_location', str(schema.FOLDER))
    assert ScriptDirectory.from_config(config).get_current_head() == schema.NEWEST


def test_threads_at_once(tmp_path: Path) -> None:
    """Threads that open a new file at once all find its tables."""
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: database.connect('', tmp_path), range(8)))
    for each in found:
        assert differences(each) == []
        each.close()


def test_processes_at_once(tmp_path: Path) -> None:
    """Processes that open a new file at once all find its tables."""
    command = [sys.executable, '-c', CONNECT, str(tmp_path)]
    started = [subprocess.Popen(command, cwd=ROOT) for _ in range(3)]
    assert [each.wait(timeout=60) for each in started] == [0, 0, 0]
    opened = database.connect('', tmp_path)
    assert differences(opened) == []
    opened.close()


def test_newer_version(tmp_path: Path) -> None:
    """A file that a newer version has changed is refused, and not touched."""
    opened = database.connect('', tmp_path)
    with opened.writing() as connection:
        connection.execute(sa.text("UPDATE platform_version SET version_num = '9999'"))
    opened.close()
    with pytest.raises(DatabaseError, match='9999'):
        database.connect('', tmp_path)


def test_no_database(tmp_path: Path) -> None:
    """A file that is no database is told of in one line."""
    (tmp_path / FILE).write_bytes(b'something else ' * 1000)
    with pytest.raises(DatabaseError, match='cannot be used: file is not a database'):
        database.connect('', tmp_path)


def test_all_or_nothing(site: Site) -> None:
    """What a transaction did before it failed is not there."""

    def fail() -> None:
        with site.database.writing() as connection:
            add_stack(connection, 'one')
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with pytest.raises(AssertionError):
        site.stack('one')


def test_reader_and_writer(site: Site) -> None:
    """A reader sees one moment, whatever is written beside it, and holds up no writer."""
    query = sa.text('SELECT count(*) FROM stacks')
    with site.database.reading() as reader:
        assert reader.execute(query).scalar_one() == 0
        with site.database.writing() as writer:
            add_stack(writer, 'one')
        assert reader.execute(query).scalar_one() == 0
    with site.database.reading() as reader:
        assert reader.execute(query).scalar_one() == 1


def test_writers_in_turn(site: Site) -> None:
    """Writers who first read wait for one another, and none of them fails."""
    with site.database.writing() as connection:
        add_stack(connection, 'one')

    def count_up(_: int) -> None:
        with site.database.writing() as connection:
            query = sa.text("SELECT changed_by FROM stacks WHERE name = 'one'")
            number = connection.execute(query).scalar_one()
            connection.execute(sa.text(f'UPDATE stacks SET changed_by = {number + 1}'))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count_up, range(80)))
    assert site.stack('one').changed_by == 80


@pytest.mark.parametrize('kind', ['reading', 'writing'])
def test_locked(site: Site, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes while the file stays locked is told to come again; readers are not."""
    monkeypatch.setattr(database, 'BUSY_TIMEOUT', 0.05)
    impatient = database._sqlite(tmp_path / FILE)
    begin: Callable[[], object] = getattr(Database(impatient), kind)
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute('BEGIN IMMEDIATE')
    try:
        assert told(begin) == (kind == 'writing')
    finally:
        other.close()
        impatient.dispose()


def told(begin: Callable[[], object]) -> bool:
    """Tell whether a transaction could not be had."""
    try:
        with begin() as connection:  # type: ignore[attr-defined]
            connection.execute(sa.text('SELECT count(*) FROM stacks'))
    except UnavailableError:
        return True
    return False


def test_removed_stack(site: Site) -> None:
    """Runs of a stack that is removed stay, and are no other stack's of the same name."""
    with site.database.writing() as connection:
        stack = add_stack(connection, 'one')
        add_run(connection, stack)
        stacks.remove(connection, stack.id)
        again = add_stack(connection, 'one')
        assert runs.active(connection, again.id) == []
    assert [row.stack_id for row in site.runs('one')] == [None]
