"""The figures of a spike: how they are summed up, and that the page says no others."""

from __future__ import annotations

import json

from bench import spike
from tests.spike import Story
from tests.traffic import Answer


def test_page_has_the_committed_figures() -> None:
    """The page's figures are those of the committed run, to the letter."""
    found = json.loads((spike.PAGE.with_suffix('') / 'spike.json').read_text())
    assert f'{spike.BEGIN}\n{spike.table(found)}\n{spike.END}' in spike.PAGE.read_text()


def test_figures() -> None:
    """Each part has the requests that were sent in it, and each second those answered in it."""
    order = ('begin', 'load', 'firing', 'capacity', 'load ends', 'over', 'back', 'end')
    story = Story(1000.0, {name: 2.0 * number for number, name in enumerate(order)})
    story.workers = [(0.0, 1), (1.0, 1), (6.0, 4), (12.0, 1), (14.0, 1)]
    story.answers = [Answer(1000.0 + second / 2, 0.1, 7) for second in range(28)]
    found = spike.figures(story)
    assert found['parts']['the spike, one worker'] == {'rate': 2.0, 'p50': 0.1, 'p95': 0.1}
    assert found['times']['from the alert to four workers'] == 2.0
    assert (found['requests'], found['failed']) == (28, 0)
    assert found['workers'] == [(0.0, 1), (6.0, 4), (12.0, 1), (14.0, 1)]
    assert found['seconds'] == [(second, 2, 0.1) for second in range(13)]
