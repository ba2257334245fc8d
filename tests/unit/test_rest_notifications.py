"""`/v1/notifications` and `/v1/destinations`, over notifications in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.problem import assert_problem
from tests.rest_client import Client, make_platform
from triggers.notifications.destinations import Destinations
from web.identity import Caller

FILE = """
[[destination]]
name = "ops"
kind = "standard-webhooks"
url = "https://hooks.example/planted-path"
secret_from = "HOOK_SECRET"
events = ["run.failed"]
"""
ENVIRON = {'HOOK_SECRET': 'whsec_cGxhbnRlZC1rZXktb2YtMjQtYnl0ZXMh'}


@pytest.fixture
def destinations(tmp_path: Path) -> Destinations:
    file = tmp_path / 'notifications.toml'
    file.write_text(FILE)
    return Destinations(str(file), ENVIRON)


def test_list(rest: Client) -> None:
    """Notifications are listed newest first, in pages and by state."""
    for state in ('delivered', 'waiting', 'delivered'):
        rest.platform.notifications.add(state=state)
    answer = rest.simulate_get('/v1/notifications?limit=2')
    assert [each['id'] for each in answer.json['items']] == ['ntf_0003', 'ntf_0002']
    assert 'rel="next"' in answer.headers['link']
    more = rest.simulate_get(f'/v1/notifications?limit=2&cursor={answer.json["next"]}')
    assert [each['id'] for each in more.json['items']] == ['ntf_0001']
    chosen = rest.simulate_get('/v1/notifications?state=waiting')
    assert [each['state'] for each in chosen.json['items']] == ['waiting']


@pytest.mark.parametrize('query', ['state=gone', 'limit=0', 'run=a', 'cursor=x'])
def test_wrong(rest: Client, query: str) -> None:
    """What is no filter, or has a value that there is not, is refused."""
    answer = rest.simulate_get(f'/v1/notifications?{query}')
    assert_problem(answer.status_code, answer.headers, answer.json, 422)


@pytest.mark.parametrize('path', ['/v1/notifications', '/v1/destinations'])
@pytest.mark.parametrize('role', ['reader', 'user'])
def test_roles(tmp_path: Path, path: str, role: str) -> None:
    """Only operators see who is told of what."""
    client = Client(make_platform(tmp_path), Caller('ann', role))
    answer = client.simulate_get(path)
    assert_problem(answer.status_code, answer.headers, answer.json, 403)
    assert client.simulate_post('/v1/destinations/ops/enable').status_code == 403


def test_destinations(tmp_path: Path, destinations: Destinations) -> None:
    """Destinations are told without URL and secret; one that is disabled can be enabled."""
    client = Client(make_platform(tmp_path), destinations=destinations)
    answer = client.simulate_get('/v1/destinations')
    assert 'planted' not in answer.text
    [found] = answer.json['items']
    assert (found['name'], found['host'], found['events']) == (
        *('ops', 'hooks.example'),
        ['run.failed'],
    )
    assert (found['disabled_at'], found['reason']) == (None, None)
    assert client.simulate_post('/v1/destinations/ops/enable').status_code == 404
    client.platform.notifications.off.add('ops')
    assert client.simulate_get('/v1/destinations').json['items'][0]['reason'] == 'It is gone.'
    assert client.simulate_post('/v1/destinations/ops/enable').status_code == 204
    assert client.simulate_get('/v1/destinations').json['items'][0]['reason'] is None
