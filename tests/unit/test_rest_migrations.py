"""`/v1/migrations`: what is asked for, and how it is answered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from falcon import testing

from tests.problem import assert_problem
from tests.rest_client import Client
from web.identity import Caller

BODY: dict[str, Any] = {'source': {'url': 'sqlite:///a.db'}, 'target': {'stack': 'goods'}}
WAIT = {'Prefer': 'wait=10'}


def begin(rest: Client, headers: Any = None, **more: Any) -> testing.Result:
    return rest.simulate_post('/v1/migrations', json={**BODY, **more}, headers=headers)


def test_begun(rest: Client) -> None:
    """A migration is answered as it begins, with its place; who would wait gets its end."""
    answer = begin(rest, tables=['a'], allow_rejects=3, replace=True)
    assert (answer.status_code, answer.json['state']) == (202, 'running')
    assert answer.headers['location'] == f'/v1/migrations/{answer.json["id"]}'
    assert answer.headers['retry-after'] == '1'
    wanted = {'tables': ['a'], 'allow_rejects': 3, 'replace': True, 'target': 'stack goods'}
    assert answer.json.items() >= wanted.items()
    waited = begin(rest, WAIT)
    assert (waited.status_code, waited.json['state'], waited.json['rows']) == (200, 'succeeded', 2)
    assert waited.headers['preference-applied'] == 'wait=10'


def test_looked_at(rest: Client) -> None:
    """One has its plan and rejects; a list has neither, and the newest first."""
    first, second = (begin(rest, WAIT, allow_rejects=1).json['id'] for _ in range(2))
    one = rest.simulate_get(f'/v1/migrations/{first}').json
    assert one['plan']['notes'][0]['level'] == 'lost'
    assert one['rejects'][0]['reason'] == 'not a date'
    assert (one['left_out'], one['moved']) == (1, {'a': 2})
    rejects = rest.simulate_get(f'/v1/migrations/{first}/rejects')
    assert json.loads(rejects.text) == one['rejects'][0]
    assert rejects.headers['content-disposition'].endswith('rejects.jsonl"')
    answer = rest.simulate_get('/v1/migrations', query_string='limit=1')
    assert [each['id'] for each in answer.json['items']] == [second]
    assert not {'plan', 'rejects', 'moved'} & set(answer.json['items'][0])
    rest_of_it = rest.simulate_get('/v1/migrations', query_string=f'cursor={answer.json["next"]}')
    assert [each['id'] for each in rest_of_it.json['items']] == [first]


def test_plan_then_run(rest: Client) -> None:
    """A plan is run once, by a POST without a body."""
    id = begin(rest, WAIT, plan=True).json['id']
    run = rest.simulate_post(f'/v1/migrations/{id}/run', headers=WAIT)
    assert (run.status_code, run.json['operation'], run.json['state']) == (
        *(200, 'migrate', 'succeeded'),
    )
    again = rest.simulate_post(f'/v1/migrations/{id}/run')
    assert_problem(again.status_code, again.headers, again.json, 409)
    assert again.json['type'] == '/docs/errors#wrong-state'


def test_cancelled_resumed_abandoned(rest: Client) -> None:
    """What runs can be cancelled, then resumed with another allowance, and abandoned at last."""
    id = begin(rest).json['id']
    path = f'/v1/migrations/{id}'
    for what in (rest.simulate_delete(path), rest.simulate_post(f'{path}/resume')):
        assert (what.status_code, what.json['type']) == (409, '/docs/errors#run-in-progress')
    cancelled = rest.simulate_post(f'{path}/cancel')
    assert (cancelled.status_code, cancelled.json['cancel_requested']) == (202, True)
    rest.platform.end(cancelled.json['run'])
    resumed = rest.simulate_post(f'{path}/resume', query_string='allow_rejects=7')
    assert (resumed.status_code, resumed.json['allow_rejects']) == (202, 7)
    rest.simulate_post(f'{path}/cancel')
    rest.platform.end(resumed.json['run'])
    abandoned = rest.simulate_delete(path)
    assert (abandoned.status_code, abandoned.json['operation']) == (202, 'abandon')


def test_forgotten(rest: Client) -> None:
    """One that has left nothing is gone at once."""
    id = begin(rest, WAIT).json['id']
    assert rest.simulate_delete(f'/v1/migrations/{id}').status_code == 204
    assert rest.simulate_get(f'/v1/migrations/{id}').status_code == 404


@pytest.mark.parametrize(
    ('given', 'pointer'),
    [
        ({'target': {}}, '#/target'),
        ({'target': {'host': 'x'}}, '#/target'),
        ({'source': {'url': 'planted'}}, '#/source/url'),
        ({'source': 'planted'}, '#/source'),
        ({'allow_rejects': -1}, '#/allow_rejects'),
        ({'tables': 'planted'}, '#/tables'),
        ({'tabels': []}, '#/tabels'),
    ],
)
def test_refused(rest: Client, given: Any, pointer: str) -> None:
    """What cannot be used is named by its place, and not repeated."""
    answer = begin(rest, **given)
    assert_problem(answer.status_code, answer.headers, answer.json, 422)
    assert [each['pointer'] for each in answer.json['errors']] == [pointer]
    assert 'planted' not in answer.text


def test_others(rest: Client) -> None:
    """Another user sees neither a migration nor its run; readers may begin none."""
    found = begin(rest).json
    other = Client(rest.platform, Caller('ben', 'user'))
    for path in (f'/v1/migrations/{found["id"]}', f'/v1/runs/{found["run"]}'):
        assert other.simulate_get(path).status_code == 404
    for path in ('/v1/migrations', '/v1/runs'):
        assert other.simulate_get(path).json['items'] == []
    reader = Client(rest.platform, Caller('rea', 'reader'))
    assert begin(reader).status_code == 403


def test_sent_twice(rest: Client) -> None:
    """The same request with the same key comes to one migration."""
    key = {'Idempotency-Key': 'mine'}
    assert begin(rest, key).json['id'] == begin(rest, key).json['id']
    assert begin(rest, key, plan=True).json['type'] == '/docs/errors#key-reused'
