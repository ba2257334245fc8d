"""A spike of load, with nobody who does something about it."""

from __future__ import annotations

import itertools
import statistics
from pathlib import Path

import pytest

from tests import monitoring, spike
from tests.spike import MOST, Story

# Four workers carry four times as much; on a machine that does other things as well, at times less.
MORE = 2.5


@pytest.mark.slow
def test_capacity_follows_the_load(tmp_path: Path) -> None:
    """Prometheus's alert has workers follow a spike, up and back, and no request fails."""
    if tool := monitoring.missing_tool():
        pytest.skip(f'{tool} is not here, so no alert is really sent')
    story = spike.told(tmp_path)
    assert story.failures == []
    order = ('load', 'firing', 'capacity', 'load ends', 'over', 'back', 'end')
    assert sorted(order, key=lambda each: story.moments[each]) == list(order)
    one, four = ('load', 'capacity'), ('capacity', 'load ends')
    assert rate(story, *four) > MORE * rate(story, *one)
    assert median(story, *four) < median(story, *one)
    # Up once and down once: an alert that has helped is not over.
    counts = [count for count, _ in itertools.groupby(count for _, count in story.workers)]
    top = counts.index(MOST)
    assert counts[0] == counts[-1] == 1
    assert counts == sorted(counts[: top + 1]) + sorted(counts[top + 1 :], reverse=True)


def rate(story: Story, first: str, last: str) -> float:
    """Return how many requests were sent and answered in a second, between two moments."""
    return len(story.between(first, last)) / (story.moments[last] - story.moments[first])


def median(story: Story, first: str, last: str) -> float:
    """Return what half of the answers took at most."""
    return statistics.median(each.seconds for each in story.between(first, last))
