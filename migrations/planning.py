"""Makes a plan: a dry run, in which nothing is changed on either side."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from migrations import postgres, sources, staging, swapping, trying
from migrations.errors import ChangedError, ExistsError, PrivilegeError, UnfitError
from migrations.failures import told
from migrations.names import LONGEST, fits, quoted
from migrations.places import Place, Reach
from migrations.plans import REFUSED, WIDENED, Column, Note, Plan, Table
from migrations.sources import Found, Source, Wishes
from migrations.sources.sqlite import make_copy
from migrations.streams import Connection

MOST_COLUMNS = 1600
# What one process did on a small machine, with room for a slow one: rows and bytes a second.
ROWS_PER_SECOND = 60_000
BYTES_PER_SECOND = 15_000_000
# To begin and to end.
SECONDS_AT_LEAST = 2.0
# What a table of the target is called after.
COPY_PREFIX = 'migration-'


@dataclass(frozen=True)
class Ends:
    """From where to where, within what may be used, and a folder for private copies."""

    source: Place
    target: Place
    reach: Reach
    work: Path

    def insist(self) -> None:
        """Raise NotAllowedError unless both may be used."""
        self.reach.insist_on(self.source)
        self.reach.insist_on(self.target)
        if self.target.kind != 'postgres':
            raise UnfitError('The target has to be a PostgreSQL.')


def plan(
    ends: Ends, wishes: Wishes | None = None, schema: str = 'public', replacing: bool = False
) -> Plan:
    """Return what would be done.

    schema: of the target.
    replacing: whether tables of the same names are moved into a backup schema.

    Raises MigrationError when one of the ends cannot be used, or a table is not there.
    """
    ends.insist()
    wishes = wishes or Wishes()
    with _looking(ends) as source:
        with told(ends.source):
            found = source.reflect(wishes)
            fingerprint = source.fingerprint(fingerprinted(found.tables))
        _insist_on_tables(found, wishes)
        made = Plan(
            str(ends.source),
            str(ends.target),
            schema,
            tuple(map(_checked, found.tables)),
            found.types,
            found.statements,
            found.notes,
            fingerprint,
        )
        with told(ends.target), closing(postgres.connect(ends.target)) as target:
            return _fitted(target, made, source, replacing)


def fingerprinted(tables: tuple[Table, ...]) -> list[str]:
    """Return the names by which a source knows the relations of tables."""
    return [
        part.name if part.schema == 'main' else f'{part.schema}.{part.name}'
        for table in tables
        for part in table.parts
    ]


def insist_on_fingerprint(source: Source, made: Plan) -> None:
    """Raise ChangedError when the tables of a source are not those of a plan any more."""
    if source.fingerprint(fingerprinted(made.tables)) != made.fingerprint:
        raise ChangedError(
            'The tables of the source are others than when it was planned: abandon this '
            'migration and plan again.'
        )


def insist_on_room(connection: Connection, made: Plan) -> None:
    """Raise ExistsError when the target has the names, PrivilegeError when it gives no right."""
    query = """
        SELECT current_database(), has_database_privilege(current_database(), 'CREATE'),
          has_schema_privilege(to_regnamespace(%s), 'CREATE'), current_setting('server_encoding')
    """
    row = connection.execute(query, (quoted(made.schema),)).fetchone()
    assert row
    database, may_make_schemas, may_make_tables, encoding = row
    if not may_make_schemas:
        raise PrivilegeError(f'GRANT CREATE ON DATABASE {quoted(database)} to the user first.')
    if may_make_tables is None:
        raise UnfitError(f'The target has no schema {made.schema!r}: create it.')
    if not may_make_tables:
        raise PrivilegeError(f'GRANT CREATE ON SCHEMA {quoted(made.schema)} to the user first.')
    if encoding != 'UTF8':
        raise UnfitError(f'The encoding of the target is {encoding}: it has to be UTF8.')
    if names := swapping.taken(connection, made):
        raise ExistsError(
            f'{made.schema} has {", ".join(map(quoted, names))} already. Drop or rename these, or '
            'have the tables moved into a backup schema.'
        )


def _fitted(target: Connection, made: Plan, source: Source, replacing: bool) -> Plan:
    if replacing:
        names = {table.name for table in made.tables}
        kept = [name for name in swapping.taken(target, made) if name in names]
        made = replace(made, replaced=tuple(kept))
        made = _noted(made, swapping.dependents(target, made.schema, kept))
    try:
        insist_on_room(target, made)
    except (ExistsError, UnfitError) as error:
        made = replace(made, notes=(*made.notes, Note(REFUSED, str(error))))
    is_alike = getattr(source, 'major', None) == postgres.major(target)
    tables = tuple(replace(each, binary=each.binary and is_alike) for each in made.tables)
    made = trying.tried(target, replace(made, tables=tables))
    return replace(made, seconds=estimate(made))


def _noted(made: Plan, dependents: list[str]) -> Plan:
    notes = [
        Note(REFUSED, f'{each} would go on meaning a table that is replaced: drop it first')
        for each in dependents
    ]
    if made.replaced:
        said = f'moved into a backup schema, with their grants: {", ".join(made.replaced)}'
        notes.append(Note(WIDENED, said))
    return replace(made, notes=(*made.notes, *notes))


def estimate(made: Plan) -> float:
    """Return about how many seconds one process takes."""
    size = sum(table.bytes for table in made.tables)
    return SECONDS_AT_LEAST + max(made.rows / ROWS_PER_SECOND, size / BYTES_PER_SECOND)


def _insist_on_tables(found: Found, wishes: Wishes) -> None:
    there = {table.name for table in found.tables}
    if missing := [name for name in wishes.tables if name not in there]:
        raise UnfitError(
            f'The source has no table {", ".join(map(quoted, missing))}: correct the names.'
        )
    columns = {f'{table.name}.{each.name}' for table in found.tables for each in table.columns}
    if wrong := [name for name, _ in wishes.types if name not in columns]:
        raise UnfitError(f'The source has no column {", ".join(wrong)} to choose a type for.')


def _checked(table: Table) -> Table:
    notes = []
    if not fits(table.name):
        notes.append(Note(REFUSED, f'its name is longer than {LONGEST} bytes: rename it'))
    if table.name in staging.OURS:
        notes.append(Note(REFUSED, 'a table of the migration itself has that name: rename it'))
    if len(table.columns) > MOST_COLUMNS:
        notes.append(Note(REFUSED, f'PostgreSQL has at most {MOST_COLUMNS} columns in a table'))
    columns = tuple(map(_checked_column, table.columns))
    return replace(table, columns=columns, notes=(*table.notes, *notes))


def _checked_column(column: Column) -> Column:
    if fits(column.name):
        return column
    said = Note(REFUSED, f'its name is longer than {LONGEST} bytes: rename it')
    return replace(column, notes=(*column.notes, said))


@contextmanager
def _looking(ends: Ends) -> Iterator[Source]:
    """Yield the source; of SQLite a copy that is removed afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix=COPY_PREFIX, dir=ends.work) as folder,
        told(ends.source),
    ):
        place = ends.source
        if place.kind == 'sqlite':
            copy = Path(folder) / 'source.db'
            make_copy(Path(place.database), copy)
            place = replace(place, database=str(copy))
        with closing(sources.connect(place)) as source:
            yield source
