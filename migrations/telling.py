"""Plans and progress as people read them."""

from __future__ import annotations

import sys
from typing import TextIO

from migrations import ddl
from migrations.plans import Plan, Table
from migrations.progress import Progress


def plan(made: Plan) -> str:
    """Return a plan as text."""
    lines = [f'{made.source} → {made.target}, schema {made.schema}', '']
    for table in made.tables:
        lines += _table(table)
    if made.types or made.statements:
        lines += [f'{each.sql};' for each in (*made.types, *made.statements)] + ['']
    lines += [f'{where}: {note.level}: {note.text}' for where, note in made.told()]
    lines += ['', f'About {made.rows} rows, {made.seconds:.0f} seconds for one process.']
    if made.refusals:
        lines.append('It cannot be run before what is refused is out of the way.')
    return '\n'.join(lines)


def _table(table: Table) -> list[str]:
    size = f'{table.bytes / 1e6:.1f} MB'
    lines = [f'{table.name}: about {table.rows} rows, {size}']
    lines += [f'  {each.name}: {each.source_type} → {each.target_type}' for each in table.columns]
    return [*lines, f'{ddl.create_table(table)};', '']


class Log:
    """Writes lines and how far it is."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        self._stream = stream

    def line(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

    def progress(self, progress: Progress) -> None:
        left = '' if progress.left is None else f', {progress.left:.0f} s left'
        rows = f'{progress.rows} of {progress.total} rows'
        self.line(f'{progress.step}: {rows}, {progress.rate:.0f} a second{left}')
