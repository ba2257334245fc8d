"""Pictures of resources and of runs, and how pages call times."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from portal import pictures, words
from portal.limits import MOST_OF_ALL, MOST_OF_ONE, PERIOD, Failures
from stacks.moments import aware, now


def resource(name: str, *depends_on: str, parent: str | None = None) -> dict[str, Any]:
    return {
        'urn': name,
        'type': 'a:b:C',
        'name': name,
        'id': '',
        'parent': parent,
        'depends_on': depends_on,
    }


def test_graph() -> None:
    """What a resource rests on is left of it, and a line leads from there."""
    found = pictures.graph([resource('a'), resource('b', 'a'), resource('c', 'b', parent='a')])
    assert [box.x for box in found.boxes] == [0, 264, 528]
    assert [line.is_part for line in found.lines] == [False, True, False]
    assert found.left_out == 0


def test_boxes_do_not_overlap() -> None:
    """However many resources there are, each has a place of its own within the picture."""
    many = [resource(str(number), *(['0'] if number % 3 else [])) for number in range(100)]
    for resources in (many, [resource(str(number)) for number in range(9)]):
        found = pictures.graph(resources)
        places = {(box.x, box.y) for box in found.boxes}
        assert len(places) == len(found.boxes) == min(len(resources), pictures.MOST_BOXES)
        assert max(x for x, _ in places) + pictures.BOX_WIDTH <= found.width
        assert max(y for _, y in places) + pictures.BOX_HEIGHT <= found.height
        assert found.left_out == len(resources) - len(places)


def test_graph_of_nothing() -> None:
    """A stack without resources has an empty picture."""
    assert pictures.graph([]).boxes == []


def test_plot() -> None:
    """The longest run is as high as the plot, the newest at the right, and none is invisible."""
    found = pictures.plot([(2.0, 'ok', 'new'), (0.001, 'bad', 'old')])
    assert [bar.title for bar in found.bars] == ['old', 'new']
    assert found.bars[1].height == pictures.PLOT_HEIGHT
    assert found.bars[0].height >= 3
    assert pictures.plot([]).bars == []


@pytest.mark.parametrize(
    ('seconds', 'text'),
    [
        (0, '0.0 s'),
        (9.94, '9.9 s'),
        (59.4, '59 s'),
        (61, '1 min 1 s'),
        (3600, '1 h 0 min'),
        (90_000, '25 h 0 min'),
    ],
)
def test_took(seconds: float, text: str) -> None:
    """Durations are told as finely as they matter."""
    assert pictures.took(seconds) == text


@pytest.mark.parametrize(
    ('delta', 'text'),
    [
        (timedelta(hours=19, minutes=10), 'in 19 h'),
        (timedelta(days=2, hours=23, minutes=59), 'in 3 days'),
        (timedelta(days=3, hours=1), 'in 3 days'),
        (timedelta(hours=30), 'in 30 h'),
        (timedelta(seconds=-130), '2 min ago'),
    ],
)
def test_left(delta: timedelta, text: str) -> None:
    """How far off a moment is, is told in one unit."""
    assert words.left(aware(now()) + delta + timedelta(milliseconds=500)) == text


def test_failures_of_one_and_of_all() -> None:
    """An address waits after some failures, all do after many, and a minute later none does."""
    moment = 0.0
    failures = Failures(lambda: moment)
    for _ in range(MOST_OF_ONE):
        failures.add('a')
    assert failures.wait('a') == PERIOD
    assert failures.wait('b') == 0
    for number in range(MOST_OF_ALL):
        failures.add(str(number))
    assert failures.wait('new') > 0
    moment = PERIOD + 1
    assert failures.wait('a') == failures.wait('new') == 0
