"""`/v1/hooks` and `/v1/triggers`: what is asked for, and how it is answered."""

from __future__ import annotations

import pytest
from falcon import testing

from tests.fake_triggers import TOKEN, add_some
from tests.problem import assert_problem
from tests.rest_client import Client
from web.identity import Caller

OWN = {'Authorization': f'Bearer {TOKEN}'}


def call(rest: Client, body: str = '{}', source: str = 'am', **headers: str) -> testing.Result:
    return rest.simulate_post(f'/v1/hooks/{source}', body=body, headers={**OWN, **headers})


def test_received(rest: Client) -> None:
    """A call is answered by what was stored of it, with no need of a token of ours."""
    answer = call(rest)
    assert (answer.status_code, answer.json['note']) == (200, '')
    assert [each['outcome'] for each in answer.json['events']] == ['started']
    assert answer.headers['cache-control'] == 'no-store'


def test_refused(rest: Client) -> None:
    """What is forged, no JSON, or of no source is refused as a problem, and nothing is kept."""
    for answer, status, kind in (
        (call(rest, Authorization='Bearer é'), 401, 'forged'),
        (call(rest, Authorization=''), 401, 'forged'),
        (call(rest, '{'), 422, 'invalid'),
        (call(rest, source='other'), 404, 'not-found'),
    ):
        assert_problem(answer.status_code, answer.headers, answer.json, status)
        assert answer.json['type'] == f'/docs/errors#{kind}'
    assert rest.triggers.found == []


def test_listed(rest: Client) -> None:
    """Events are listed in pages, the newest first, and by what is asked for."""
    add_some(rest.triggers, range(5))
    first = rest.simulate_get('/v1/triggers/events', query_string='limit=3')
    assert [each['id'] for each in first.json['items']] == ['evt_0004', 'evt_0003', 'evt_0002']
    rest_of_it = rest.simulate_get(
        '/v1/triggers/events', query_string=f'limit=3&cursor={first.json["next"]}'
    )
    assert (len(rest_of_it.json['items']), rest_of_it.json['next']) == (2, None)
    some = rest.simulate_get('/v1/triggers/events', query_string='outcome=started&rule=spike')
    assert len(some.json['items']) == 3
    assert rest.simulate_get('/v1/triggers/events', query_string='outcome=x').status_code == 422


def test_check(rest: Client) -> None:
    """A file of rules is checked as a whole; what is wrong has its line and field."""
    answer = rest.simulate_post('/v1/triggers/check', json={'rules': 'wrong'})
    assert answer.json == {'flaws': [{'line': 1, 'field': 'rule', 'detail': 'is wrong'}]}
    assert rest.simulate_post('/v1/triggers/check', json={'rules': ''}).json == {'flaws': []}


def test_test(rest: Client) -> None:
    """A recorded call is tried without its signature, and nothing is kept of it."""
    body = {'source': 'am', 'body': '{}', 'headers': {'X-Event': 'push'}}
    answer = rest.simulate_post('/v1/triggers/test', json=body)
    assert [each['outcome'] for each in answer.json['items']] == ['started']
    assert rest.triggers.found == []


@pytest.mark.parametrize('path', ['check', 'test'])
def test_only_operators(rest: Client, path: str) -> None:
    """Others may neither check nor try: that would tell them of the service's files."""
    body = {'rules': ''} if path == 'check' else {'source': 'am', 'body': '{}'}
    for role in ('reader', 'user'):
        client = Client(rest.platform, Caller('ann', role))
        assert client.simulate_post(f'/v1/triggers/{path}', json=body).status_code == 403
