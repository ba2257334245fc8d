"""Names quoted for SQL, whatever is in them."""

from __future__ import annotations

from collections.abc import Iterable

# PostgreSQL cuts longer names silently.
LONGEST = 63


def quoted(name: str) -> str:
    """Return an identifier of PostgreSQL or SQLite."""
    return '"' + name.replace('"', '""') + '"'


def backquoted(name: str) -> str:
    """Return an identifier of MariaDB or MySQL."""
    return '`' + name.replace('`', '``') + '`'


def listed(names: Iterable[str]) -> str:
    """Return identifiers of PostgreSQL or SQLite with commas."""
    return ', '.join(map(quoted, names))


def literal(text: str) -> str:
    """Return a string of PostgreSQL (with standard_conforming_strings) or SQLite."""
    return "'" + text.replace("'", "''") + "'"


def fits(name: str) -> bool:
    """Whether PostgreSQL keeps the name as it is."""
    return 0 < len(name.encode()) <= LONGEST and '\0' not in name


class Unique:
    """Names that are free in one schema of PostgreSQL, each given away once."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)

    def pick(self, wanted: str, table: str) -> str:
        """Return the name, or one like it that says of which table it is."""
        tried = [wanted, f'{table}_{wanted}', *(f'{table}_{wanted}_{n}' for n in range(2, 10_000))]
        found = next(each for each in map(_cut, tried) if each not in self._taken)
        self._taken.add(found)
        return found


def _cut(name: str) -> str:
    if fits(name):
        return name
    # The end tells apart what was made unique.
    kept = name.encode()
    return (kept[:40].decode(errors='ignore') + '_' + kept[-20:].decode(errors='ignore')) or '_'
