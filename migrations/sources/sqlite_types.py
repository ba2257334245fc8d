"""What a column of SQLite becomes: by its declared type and by what is really in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from migrations.plans import LOST, WIDENED, Note

# Up to here double precision has every whole number.
EXACT = 2**53
LONGEST_NUMERIC = 1000
SIZED = r'\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)'


@dataclass(frozen=True)
class Content:
    """What a scan of the column found: how many values of each storage class, and their extent."""

    integers: int = 0
    reals: int = 0
    texts: int = 0
    blobs: int = 0
    low: int = 0
    high: int = 0
    longest: int = 0
    # How many texts look like each thing (SHAPES).
    shapes: tuple[tuple[str, int], ...] = ()

    @property
    def values(self) -> int:
        return self.integers + self.reals + self.texts + self.blobs

    def all_shaped(self, *names: str) -> bool:
        """Whether all values are texts of these shapes."""
        return sum(self.shaped(name) for name in names) == self.values

    def shaped(self, name: str) -> int:
        """Return how many values are texts of this shape."""
        return dict(self.shapes).get(name, 0)


@dataclass(frozen=True)
class Choice:
    """The type in PostgreSQL, the form of its values, and what is to be said about it."""

    type: str
    form: str
    notes: tuple[Note, ...] = ()


DAY = '[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]'
MINUTE = '[0-2][0-9]:[0-5][0-9]'
HEX = '[0-9a-fA-F]'
ZONE = f"(substr({{c}}, -1) = 'Z' OR substr({{c}}, -6) GLOB '[+-]{MINUTE}')"
MOMENT = f"{{c}} GLOB '{DAY}[ T]{MINUTE}*'"
UUID = '-'.join(HEX * n for n in (8, 4, 4, 4, 12))
NUMBER = "{c} GLOB '*[0-9]*' AND NOT {c} GLOB '*[^0-9.+-]*' AND NOT {c} GLOB '?*[+-]*'"
# Tests in SQL, each on a text.
SHAPES = {
    'date': f"{{c}} GLOB '{DAY}'",
    'timestamp': f'{MOMENT} AND NOT {ZONE}',
    'zoned': f'{MOMENT} AND {ZONE}',
    'time': f"{{c}} GLOB '{MINUTE}*'",
    'uuid': f"{{c}} GLOB '{UUID}'",
    'json': 'json_valid({c})',
    'number': NUMBER,
}
# On a number, or a text that is one.
SCALED = (
    "CASE typeof({c}) WHEN 'text' THEN "
    f'{NUMBER} AND abs({{c}}) < 1e{{whole}} AND '
    "(instr({c}, '.') = 0 OR length({c}) - instr({c}, '.') <= {scale}) "
    'ELSE abs({c}) < 1e{whole} AND round({c}, {scale}) = {c} END'
)


def tests(declared: str) -> dict[str, str]:
    """Return the tests in SQL, with `{c}` for the column, that tell what the type can become."""
    words = declared.lower()
    found: dict[str, str] = {}
    for pattern, shapes in TOLD_BY:
        if re.search(pattern, words):
            found |= {shape: f"typeof({{c}}) = 'text' AND {SHAPES[shape]}" for shape in shapes}
    if (sized := re.search(SIZED, words)) and 'number' in found:
        scale = int(sized[2] or 0)
        scaled = SCALED.replace('{scale}', str(scale))
        found['scaled'] = scaled.replace('{whole}', str(max(0, int(sized[1]) - scale)))
    return found


def choose(declared: str, content: Content) -> Choice:
    """Return what a column becomes."""
    words = declared.lower().strip()
    for pattern, chooser in RULES:
        if re.search(pattern, words) and (found := chooser(words, content)):
            return found
    found = by_content(content)
    if not words:
        return found
    if not any(re.search(pattern, words) for pattern, _ in RULES):
        said = Note(WIDENED, f'SQLite knows no type {declared!r}: by what is in it')
        return Choice(found.type, found.form, (said, *found.notes))
    said = Note(WIDENED, f'not all of its values are of {declared!r}: by what is in it')
    return Choice(found.type, found.form, (said, *found.notes))


def by_content(content: Content) -> Choice:
    """Return a type that has all that is in the column."""
    numbers = content.integers + content.reals
    if content.blobs and content.blobs < content.values:
        said = Note(LOST, 'blobs and other values: all become bytes, which were blobs is lost')
        return Choice('bytea', 'any bytes', (said,))
    if content.blobs:
        return Choice('bytea', 'bytes')
    if content.texts and numbers:
        said = Note(LOST, 'numbers and texts: all become text, which were numbers is lost')
        return Choice('text', 'any text', (said,))
    if content.reals:
        return _real('', content) or _any_number(content)
    return Choice('bigint', 'integer') if content.integers else Choice('text', 'text')


def _any_number(content: Content) -> Choice:
    return Choice('numeric', 'numeric', (Note(WIDENED, 'large whole numbers among reals'),))


def _boolean(words: str, content: Content) -> Choice | None:
    if content.integers == content.values and content.low >= 0 and content.high <= 1:
        return Choice('boolean', 'boolean')
    return None


def _integer(words: str, content: Content) -> Choice | None:
    return Choice('bigint', 'integer') if content.integers == content.values else None


def _real(words: str, content: Content) -> Choice | None:
    if content.integers + content.reals < content.values:
        return None
    if max(abs(content.low), abs(content.high)) > EXACT:
        return None
    return Choice('double precision', 'real')


def _numeric(words: str, content: Content) -> Choice | None:
    if content.integers + content.reals + content.shaped('number') < content.values:
        return None
    sized = re.search(SIZED, words)
    if (
        sized
        and 0 < int(sized[1]) <= LONGEST_NUMERIC
        and content.shaped('scaled') == content.values
    ):
        return Choice(f'numeric({sized[1]},{sized[2] or 0})', f'numeric:{sized[2] or 0}')
    if sized:
        said = Note(WIDENED, f'some values do not fit {sized[0]}, which SQLite does not enforce')
        return Choice('numeric', 'numeric', (said,))
    return Choice('numeric', 'numeric')


def _text(words: str, content: Content) -> Choice | None:
    if content.texts < content.values:
        return None
    sized = re.search(r'char\w*\s*\(\s*(\d+)\s*\)', words)
    if not sized or int(sized[1]) == 0:
        return Choice('text', 'text')
    if content.longest <= int(sized[1]) <= 10_485_760:
        return Choice(f'varchar({sized[1]})', 'text')
    said = f'its longest value has {content.longest} characters, which SQLite does not enforce'
    return Choice('text', 'text', (Note(WIDENED, said),))


def _blob(words: str, content: Content) -> Choice | None:
    return Choice('bytea', 'bytes') if content.blobs == content.values else None


def _moment(words: str, content: Content) -> Choice | None:
    if content.all_shaped('zoned') and content.values:
        return Choice('timestamp with time zone', 'zoned')
    if content.all_shaped('timestamp'):
        return Choice('timestamp', 'timestamp')
    return None


def _shaped(shape: str, target: str) -> Callable[[str, Content], Choice | None]:
    def chooser(words: str, content: Content) -> Choice | None:
        return Choice(target, FORMS.get(shape, shape)) if content.all_shaped(shape) else None

    return chooser


FORMS = {'json': 'text'}
# In this order: the first pattern that is in the declared type and whose chooser finds a type.
RULES: tuple[tuple[str, Callable[[str, Content], Choice | None]], ...] = (
    ('bool', _boolean),
    ('^(timestamp|datetime)', _moment),
    ('^date$', _shaped('date', 'date')),
    ('^time', _shaped('time', 'time')),
    ('uuid|guid', _shaped('uuid', 'uuid')),
    ('json', _shaped('json', 'json')),
    ('int(?!er)|serial', _integer),
    ('char|clob|text|string', _text),
    ('blob|bytea|binary', _blob),
    ('real|floa|doub', _real),
    ('dec|num|money', _numeric),
)
TOLD_BY = (
    ('^(timestamp|datetime)', ('timestamp', 'zoned')),
    ('^date$', ('date',)),
    ('^time', ('time',)),
    ('uuid|guid', ('uuid',)),
    ('json', ('json',)),
    ('dec|num|money', ('number',)),
)
