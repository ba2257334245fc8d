"""Batches of a source's values made into rows for COPY; what does not fit is named and left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from migrations import forms
from migrations.plans import Table

# Characters of a value that a reject shows.
SHOWN = 200


@dataclass(frozen=True)
class Reject:
    """A value that does not fit, and so its row was left out."""

    table: str
    key: str
    column: str
    value: str
    reason: str


@dataclass
class Block:
    """Rows for COPY, what of them is compared, and those that were left out."""

    sent: list[bytes]
    compared: list[bytes]
    rejects: list[Reject] = field(default_factory=list)


class Renderer:
    """Makes rows of one table."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._names = [column.name for column in table.copied]
        self._forms = [forms.of(column.form) for column in table.copied]
        self._has_bits = any(form.bits for form in self._forms)
        self._key = [at for at, name in enumerate(self._names) if name in table.key]

    def block(self, rows: Sequence[Sequence[Any]]) -> Block:
        """Return the rows as a block."""
        try:
            return self._rendered(rows)
        except (ValueError, OverflowError):
            return self._without_misfits(rows)

    def key(self, row: Sequence[Any]) -> str:
        """Return what tells a row from the others: its key, else all of it."""
        shown = self._key or range(len(self._names))
        return ', '.join(f'{self._names[at]}={shortened(row[at])}' for at in shown)[:SHOWN]

    def _rendered(self, rows: Sequence[Sequence[Any]]) -> Block:
        columns = list(zip(*rows, strict=True))
        texts = [form.sent(each) for form, each in zip(self._forms, columns, strict=True)]
        sent = _lines(texts)
        if not self._has_bits:
            return Block(sent, sent)
        compared = [
            form.compared(values) if form.bits else text
            for form, values, text in zip(self._forms, columns, texts, strict=True)
        ]
        return Block(sent, _lines(compared))

    def _without_misfits(self, rows: Sequence[Sequence[Any]]) -> Block:
        rejects: list[Reject] = []
        fitting = []
        for row in rows:
            misfit = self._misfit(row)
            if misfit is None:
                fitting.append(row)
            else:
                rejects.append(misfit)
        block = self._rendered(fitting) if fitting else Block([], [])
        block.rejects = rejects
        return block

    def _misfit(self, row: Sequence[Any]) -> Reject | None:
        for name, form, value in zip(self._names, self._forms, row, strict=True):
            if reason := forms.reason(form, value):
                return Reject(self._table.name, self.key(row), name, shortened(value), reason)
        return None


def shortened(value: Any) -> str:
    """Return a value for people, who need not see all of it."""
    return ascii(value[: SHOWN + 1] if isinstance(value, str | bytes) else value)[:SHOWN]


def fields_of(row: bytes) -> list[str]:
    """Return the values of a row in COPY's text form, as they are written in it."""
    return row.decode(errors='replace').rstrip('\n').split('\t')


def key_of(table: Table, fields: Sequence[str]) -> str:
    """Return what tells a row from the others: its key, else all of it."""
    values = dict(zip((each.name for each in table.copied), fields, strict=True))
    shown = {name: values[name] for name in table.key if name in values} or values
    return ', '.join(f'{name}={value}' for name, value in shown.items())[:SHOWN]


def _lines(columns: list[list[str]]) -> list[bytes]:
    *others, last = columns
    ended = [f'{text}\n' for text in last]
    return list(map(str.encode, map('\t'.join, zip(*others, ended, strict=True))))


def compared_columns(table: Table, quote: Callable[[str], str]) -> str:
    """Return what a target's query selects, to give what was compared of the rows sent."""
    sends = {'real': ('float8send', '0::float8'), 'single': ('float4send', '0::float4')}
    if table.binary:
        return ', '.join(quote(column.name) for column in table.copied)
    return ', '.join(
        # The sum turns a negative zero into the positive one, as the form does.
        f"encode({sends[column.form][0]}({quote(column.name)} + {sends[column.form][1]}), 'hex')"
        if column.form in sends
        else quote(column.name)
        for column in table.copied
    )
