"""What a column of MariaDB or MySQL becomes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from migrations.plans import LOST, REFUSED, WIDENED, Note

LARGEST_BIGINT = 2**63 - 1
WHOLE = {
    'tinyint': ('smallint', 'smallint'),
    'smallint': ('smallint', 'integer'),
    'mediumint': ('integer', 'integer'),
    'int': ('integer', 'bigint'),
    'bigint': ('bigint', 'numeric(20)'),
}
GEOMETRIES = (
    *('geometry', 'point', 'linestring', 'polygon', 'multipoint', 'multilinestring'),
    *('multipolygon', 'geometrycollection', 'geomcollection'),
)
# How the driver has to be given a column: `{c}` is its name.
AS_DOUBLE, AS_NUMBER, AS_TEXT = '{c} + 0e0', '{c} + 0', 'ST_AsText({c})'
NOT_ZERO = "IF(CAST({c} AS CHAR) REGEXP '^0000|-00', NULL, {c})"
IS_ZERO = "CAST({c} AS CHAR) REGEXP '^0000|-00'"


@dataclass(frozen=True)
class Declared:
    """A column as information_schema has it, and what a scan found in it."""

    name: str
    kind: str
    whole: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    fraction: int = 0
    is_text_json: bool = False
    # Of an identity, or of either side of a foreign key: both sides have to be of one type.
    is_key: bool = False
    # How many values are neither 0 nor 1, or no dates; the largest value.
    odd: int = 0
    largest: int = 0

    @property
    def is_unsigned(self) -> bool:
        return 'unsigned' in self.whole

    @property
    def is_zerofill(self) -> bool:
        return 'zerofill' in self.whole


@dataclass(frozen=True)
class Choice:
    """The type in PostgreSQL, the form of its values, how they are read, what is to be said."""

    type: str
    form: str
    reads: str = ''
    notes: tuple[Note, ...] = ()


def choose(column: Declared, zero_dates_are_null: bool = False) -> Choice:
    """Return what a column becomes."""
    kind = column.kind
    if kind in WHOLE:
        return _whole(column)
    if kind in ('date', 'datetime', 'timestamp'):
        return _moment(column, zero_dates_are_null)
    if kind in GEOMETRIES:
        said = Note(LOST, 'a geometry becomes its text: its SRID is lost')
        return Choice('text', 'text', AS_TEXT, (said,))
    if kind in TEXTS or kind in BYTES:
        return _characters(column)
    return _other(column)


def _whole(column: Declared) -> Choice:
    if column.whole.startswith('tinyint(1)') and not column.is_unsigned and not column.odd:
        return Choice('boolean', 'boolean')
    target = WHOLE[column.kind][column.is_unsigned]
    notes = []
    if target == 'numeric(20)' and column.is_key and column.largest <= LARGEST_BIGINT:
        target = 'bigint'
        notes.append(Note(LOST, f'values above {LARGEST_BIGINT}: its key has to be a bigint'))
    elif column.is_unsigned:
        notes.append(Note(WIDENED, f'{column.whole} becomes {target}'))
    if column.is_zerofill:
        notes.append(Note(LOST, 'its leading zeros, which are only shown'))
    return Choice(target, 'verbatim', AS_NUMBER if column.is_zerofill else '', tuple(notes))


def _moment(column: Declared, zero_dates_are_null: bool) -> Choice:
    reads, notes = '', []
    if column.odd and zero_dates_are_null:
        reads = NOT_ZERO
        notes.append(Note(LOST, f'{column.odd} values that are no dates become NULL'))
    elif column.odd:
        said = f'{column.odd} values are no dates: they are rejected, unless they may become NULL'
        notes.append(Note(LOST, said))
    target, form = {
        'date': ('date', 'date'),
        'datetime': (f'timestamp({column.fraction})', 'timestamp'),
        'timestamp': (f'timestamp({column.fraction}) with time zone', 'zoned'),
    }[column.kind]
    return Choice(target, form, reads, tuple(notes))


def _characters(column: Declared) -> Choice:
    if column.kind in BYTES:
        return Choice('bytea', 'bytes')
    if column.is_text_json:
        return Choice('json', 'text')
    if column.kind == 'set':
        return Choice('text', 'text', '', (Note(LOST, 'that only words of the set may be in it'),))
    if column.kind in ('char', 'varchar') and column.length:
        return Choice(f'varchar({column.length})', 'text')
    return Choice('text', 'text')


def _other(column: Declared) -> Choice:
    plain = {
        'double': Choice('double precision', 'real'),
        'float': Choice('real', 'single', AS_DOUBLE),
        'year': Choice('smallint', 'verbatim', AS_NUMBER),
        'json': Choice('json', 'text'),
        'uuid': Choice('uuid', 'uuid'),
        'inet6': Choice('text', 'text'),
        'inet4': Choice('text', 'text'),
        'time': Choice(f'interval({column.fraction})', 'interval'),
        'bit': Choice(f'bit({column.precision})', f'bits:{column.precision}'),
        'decimal': Choice(f'numeric({column.precision},{column.scale})', 'verbatim'),
    }
    if column.kind in plain:
        found = plain[column.kind]
        if column.is_zerofill:
            return Choice(found.type, f'numeric:{column.scale}', found.reads, found.notes)
        return found
    said = Note(REFUSED, f'PostgreSQL has no type for {column.whole}: leave the table out')
    return Choice('text', 'text', '', (said,))


def words_of(enum: str) -> list[str]:
    """Return the words of `enum('a','b')`."""
    found = re.findall(r"'((?:[^']|'')*)'", enum)
    return [word.replace("''", "'") for word in found]


TEXTS = ('char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext', 'enum', 'set')
BYTES = ('binary', 'varbinary', 'tinyblob', 'blob', 'mediumblob', 'longblob')
