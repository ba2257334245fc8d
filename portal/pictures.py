"""Pictures, as the numbers that a template draws: a stack's resources, and how long runs took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Of the tree, in units of its SVG.
BOX_WIDTH, BOX_HEIGHT = 208, 44
GAP_X, GAP_Y = 56, 12
MOST_BOXES = 24
ABREAST = 4
LONGEST_NAME, LONGEST_TYPE = 26, 32
# Of the plot.
PLOT_WIDTH, PLOT_HEIGHT = 320, 72
BAR_GAP = 4


@dataclass(frozen=True)
class Box:
    """A resource; x, y: its upper left corner."""

    x: int
    y: int
    name: str
    kind: str
    title: str


@dataclass(frozen=True)
class Line:
    """From a resource to one that depends on it, or is a part of it."""

    path: str
    is_part: bool


@dataclass(frozen=True)
class Graph:
    """A stack's resources: what they rest on is left of them.

    left_out: how many do not fit.
    """

    width: int
    height: int
    boxes: list[Box]
    lines: list[Line]
    left_out: int


@dataclass(frozen=True)
class Bar:
    """A run; x, y: its upper left corner."""

    x: float
    y: float
    width: float
    height: float
    state: str
    title: str


@dataclass(frozen=True)
class Plot:
    """How long runs took, the oldest left; longest: in words."""

    bars: list[Bar]
    longest: str
    width: int = PLOT_WIDTH
    height: int = PLOT_HEIGHT


def graph(resources: Sequence[Mapping[str, Any]]) -> Graph:
    """Return the picture of a stack's resources, as operation.inventory has them."""
    drawn = resources[:MOST_BOXES]
    columns = _columns(drawn)
    if len(columns) == 1:
        # Nothing rests on anything: side by side, as there is room.
        columns = [columns[0][number::ABREAST] for number in range(min(ABREAST, len(drawn)))]
    boxes: dict[str, Box] = {}
    for number, column in enumerate(columns):
        for row, each in enumerate(column):
            boxes[each['urn']] = _box(each, number, row)
    return Graph(
        width=max(1, len(columns)) * (BOX_WIDTH + GAP_X) - GAP_X,
        height=max([1, *map(len, columns)]) * (BOX_HEIGHT + GAP_Y) - GAP_Y,
        boxes=list(boxes.values()),
        lines=[line for each in drawn for line in _lines(each, boxes)],
        left_out=len(resources) - len(drawn),
    )


def plot(runs: Sequence[tuple[float, str, str]]) -> Plot:
    """Return the picture of runs, each (seconds, state, title), the newest first."""
    longest = max((seconds for seconds, _, _ in runs), default=0.0)
    step = (PLOT_WIDTH + BAR_GAP) / max(10, len(runs))
    bars = []
    for number, (seconds, state, title) in enumerate(reversed(runs)):
        # The shortest is to be seen too.
        height = max(3.0, PLOT_HEIGHT * seconds / longest) if longest else 3.0
        bars.append(
            Bar(
                *(round(number * step, 1), round(PLOT_HEIGHT - height, 1)),
                *(round(step - BAR_GAP, 1), round(height, 1)),
                *(state, title),
            )
        )
    return Plot(bars, took(longest))


def took(seconds: float) -> str:
    """Return a duration in words."""
    if seconds < 10:
        return f'{seconds:.1f} s'
    if seconds < 60:
        return f'{seconds:.0f} s'
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f'{minutes} min {rest} s'
    hours, minutes = divmod(minutes, 60)
    return f'{hours} h {minutes} min'


def _columns(resources: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Return resources by how many rest on one another before them; state has them in order."""
    depth: dict[str, int] = {}
    columns: list[list[Mapping[str, Any]]] = []
    for each in resources:
        before = [depth[urn] for urn in _before(each) if urn in depth]
        depth[each['urn']] = found = max(before, default=-1) + 1
        columns += [[]] if found == len(columns) else []
        columns[found].append(each)
    return columns


def _before(each: Mapping[str, Any]) -> list[str]:
    return [*([each['parent']] if each['parent'] else []), *each['depends_on']]


def _box(each: Mapping[str, Any], column: int, row: int) -> Box:
    kind = str(each['type']).rpartition(':')[2] or str(each['type'])
    return Box(
        column * (BOX_WIDTH + GAP_X),
        row * (BOX_HEIGHT + GAP_Y),
        _short(str(each['name']), LONGEST_NAME),
        _short(kind, LONGEST_TYPE),
        f'{each["type"]} {each["name"]}',
    )


def _lines(each: Mapping[str, Any], boxes: Mapping[str, Box]) -> list[Line]:
    found = []
    for urn in dict.fromkeys(_before(each)):
        if urn in boxes:
            path = _curve(boxes[urn], boxes[each['urn']])
            found.append(Line(path, is_part=urn == each['parent']))
    return found


def _curve(first: Box, second: Box) -> str:
    x1, y1 = first.x + BOX_WIDTH, first.y + BOX_HEIGHT // 2
    x2, y2 = second.x, second.y + BOX_HEIGHT // 2
    middle = (x1 + x2) // 2
    return f'M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}'


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + '…'
