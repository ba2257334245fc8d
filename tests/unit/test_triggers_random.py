"""Whatever comes in whichever order, the number stays within its limits and comes back."""

from __future__ import annotations

import random

import pytest

from tests.records import Site
from tests.triggers import RULE, SOURCE, Trying, alert

STEPS = 60
LEAST, MOST = 1, 4


def call(fingerprint: str, begun: int, status: str) -> dict[str, object]:
    """Return a call about an alert that began at some minute."""
    body = alert(status, f'2030-01-01T12:{begun:02}:00Z')
    body['alerts'][0]['fingerprint'] = fingerprint
    return body


@pytest.mark.parametrize('on_resolved', ['restore', 'step_down'])
@pytest.mark.parametrize('seed', range(4))
def test_any_order(site: Site, seed: int, on_resolved: str) -> None:
    """Calls that are repeated, late and out of order leave the stack as it was in the end."""
    chance = random.Random(seed)
    trying = Trying(site, SOURCE + RULE.replace('"restore"', f'"{on_resolved}"'))
    trying.told(call('first', 0, 'firing'))
    trying.end_runs()
    seen: list[tuple[str, int]] = [('first', 0)]
    for minute in range(1, STEPS):
        kind = chance.choice(['new', 'again', 'over', 'work', 'end', 'end'])
        if kind == 'new':
            seen.append((chance.choice('abc'), minute))
            trying.receive(call(*seen[-1], 'firing'))
        elif kind == 'again':
            trying.receive(call(*chance.choice(seen), 'firing'))
        elif kind == 'over':
            trying.receive(call(*chance.choice(seen), 'resolved'))
        elif kind == 'work':
            trying.work()
        else:
            trying.end_runs()
        assert LEAST <= trying.size() <= MOST
        assert sum(each.ended_at is None for each in site.runs('cap-shop')) <= 1
    for each in seen:
        trying.receive(call(*each, 'resolved'))
    for _ in seen:
        trying.let_all_be_due()
        trying.work()
        trying.end_runs()
    assert trying.open_episodes() == 0
    assert trying.size() == LEAST
    assert 'received' not in trying.outcomes()
