"""Records in a file, with a program to order, for tests that need no engine."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa
import yaml

from settings import Settings
from stacks.catalogue import Catalogue
from stacks.moments import now
from stacks.platform import Platform, Records
from stacks.requests import NewStack
from stacks.running.waiting import Bell
from stacks.store import database, stacks
from stacks.store.database import Database
from stacks.store.stacks import Row
from stacks.store.tables import runs as run_table
from stacks.submission import queue_run
from stacks.vault import Vault
from web.identity import Caller

PASSPHRASE = 'a passphrase'
OPERATOR = Caller('olga', 'operator')
ANNA, BEN = Caller('anna', 'user'), Caller('ben', 'user')
READER = Caller('rita', 'reader')
SECRET = 'planted-4711'
NOTHING: dict[str, Any] = {'plain': {}, 'secret': {}}
CONFIG = {
    'size': {'type': 'integer', 'default': 2},
    'team': {'type': 'string'},
    'key': {'type': 'string', 'secret': True},
}


@functools.cache
def vault() -> Vault:
    """Return a vault; one for all, as it takes long to open."""
    return Vault(PASSPHRASE, Vault.new_salt(PASSPHRASE))


def write_program(folder: Path, name: str, config: Mapping[str, Any] = CONFIG) -> Path:
    """Make a program that the catalogue takes."""
    folder.mkdir(parents=True, exist_ok=True)
    project = {'name': name, 'runtime': 'python', 'config': dict(config)}
    (folder / 'Pulumi.yaml').write_text(yaml.safe_dump(project))
    (folder / 'requirements.txt').write_text('')
    (folder / '__main__.py').write_text('import pulumi\n')
    return folder


def write_database(folder: Path) -> None:
    """Put a database there that was never used; to make one by way of all versions takes longer."""
    file = folder / database.FILE
    file.touch(mode=0o600)
    file.write_bytes(_unused_database())


@functools.cache
def _unused_database() -> bytes:
    with TemporaryDirectory() as folder:
        database.connect('', Path(folder)).close()
        return (Path(folder) / database.FILE).read_bytes()


@dataclass
class Site:
    """A platform whose runs nobody does, unless a test has them done."""

    settings: Settings
    catalogue: Catalogue
    database: Database
    bell: Bell = field(default_factory=Bell)
    is_draining: bool = False

    @property
    def platform(self) -> Platform:
        records = Records(self.database, vault())
        return Platform(
            self.settings, self.catalogue, lambda: records, self.bell, lambda: self.is_draining
        )

    def stack(self, name: str) -> Row:
        with self.database.reading() as connection:
            row = stacks.by_name(connection, name)
        assert row is not None
        return row

    def change_stack(self, name: str, **values: Any) -> None:
        """Have a stack be as a test needs it."""
        with self.database.writing() as connection:
            row = stacks.by_name(connection, name)
            assert row is not None
            stacks.change(connection, row.id, **values)

    def change_run(self, run_id: str, **values: Any) -> None:
        """Have a run be as a test needs it."""
        with self.database.writing() as connection:
            connection.execute(run_table.update().where(run_table.c.id == run_id).values(**values))

    def runs(self, stack: str) -> list[Row]:
        """Return all runs of a stack in their order."""
        query = sa.select(run_table).where(run_table.c.stack == stack)
        with self.database.reading() as connection:
            return list(connection.execute(query.order_by(run_table.c.number)))


def site(folder: Path, **given: Any) -> Site:
    """Make a platform in a folder, with a program `token` and settings as given."""
    settings = Settings(state_dir=folder, programs_dir=folder / 'catalogue', **given)
    write_program(settings.programs_dir / 'token', 'token')
    catalogue = Catalogue([], [settings.programs_dir])
    vault()  # Threads that made it at once would make several.
    if not (folder / database.FILE).exists():
        write_database(folder)
    return Site(settings, catalogue, database.connect(settings.database_url, folder))


def order(name: str = 'one', **given: Any) -> NewStack:
    """Return the order of a stack."""
    inputs = {'team': 'red', 'key': SECRET}
    return NewStack(**{'program': 'token', 'name': name, 'inputs': inputs, **given})


def add_stack(connection: sa.Connection, name: str, **values: Any) -> Row:
    """Add a stack of which nobody asked for a run."""
    defaults = {'program': 'token', 'state': 'ready', 'owner': 'anna', 'inputs': NOTHING}
    stacks.insert(connection, {'name': name, **defaults, 'created_at': now(), **values})
    row = stacks.by_name(connection, name)
    assert row is not None
    return row


def add_run(connection: sa.Connection, stack: Row, operation: str = 'update', **values: Any) -> str:
    """Queue a run of a stack and return its id."""
    return queue_run(connection, stack, operation, 'anna', **values)
