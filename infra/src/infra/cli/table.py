"""Tables without borders: cut to a terminal, whole where something else reads them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import TextIO

from infra.cli import text

GAP = '  '
# A column is not cut below this.
NARROWEST = 8

Row = Sequence[str]


def lines(head: Row, rows: Sequence[Row], columns: int | None) -> list[str]:
    """Return the lines of a table, at most some columns wide; None: as wide as it is."""
    cells = [[text.one_line(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(text.width, column)) for column in zip(*cells, strict=True)]
    if columns is not None:
        widths = _narrowed(widths, columns)
    return [_line(row, widths) for row in cells]


def pairs(rows: Sequence[tuple[str, str]], columns: int | None) -> list[str]:
    """Return lines of a name and what belongs to it, at most some columns wide."""
    return lines(rows[0], rows[1:], columns) if rows else []


def columns_of(stream: TextIO | None) -> int | None:
    """Return how wide the terminal is that a stream goes to; None where it goes to none."""
    return shutil.get_terminal_size().columns if is_terminal(stream) else None


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a stream goes to a terminal; one that is closed, which is None, does not."""
    return stream is not None and stream.isatty()


def _narrowed(widths: list[int], columns: int) -> list[int]:
    """Return widths that fit where they can: the widest column gives way first."""
    widths = list(widths)
    too_much = sum(widths) + len(GAP) * (len(widths) - 1) - columns
    while too_much > 0 and max(widths) > NARROWEST:
        widths[widths.index(max(widths))] -= 1
        too_much -= 1
    return widths


def _line(row: Row, widths: Sequence[int]) -> str:
    cells = [text.padded(text.cut(cell, w), w) for cell, w in zip(row, widths, strict=True)]
    return GAP.join(cells).rstrip()
