"""The servers that all tests of migrations share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import mariadb
from tests.mariadb import MariaDatabase
from tests.migrating import Case, empty_database
from tests.postgres import Database, postgres

MakeCase = Callable[[str], Case]


@pytest.fixture(scope='session')
def server() -> Iterator[Database]:
    """A PostgreSQL server."""
    with postgres() as found:
        yield found


@pytest.fixture(scope='session')
def maria() -> Iterator[MariaDatabase]:
    """A MariaDB server."""
    if tool := mariadb.missing_tool():
        pytest.skip(f'{tool} is not installed (package mariadb-server)')
    with mariadb.mariadb() as found:
        yield found


@pytest.fixture
def make_case(server: Database, tmp_path: Path) -> Iterator[MakeCase]:
    """Make a case for a source: its target is an empty database."""
    with ExitStack() as stack:

        def make(source: str) -> Case:
            return Case(source, stack.enter_context(empty_database(server)), tmp_path)

        yield make


@pytest.fixture
def source_database(server: Database) -> Iterator[str]:
    """An empty database of the server, to migrate from."""
    with empty_database(server) as url:
        yield url
