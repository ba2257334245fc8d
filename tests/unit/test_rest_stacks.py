"""`/v1/stacks`."""

from __future__ import annotations

from typing import Any

import pytest

from stacks.records import STACK_STATES
from tests.problem import assert_problem
from tests.rest_client import NEW, Client
from web.identity import Caller

FIELDS = (
    *('name', 'program', 'state', 'description', 'inputs', 'outputs', 'owner', 'created_at'),
    *('expires_at', 'protected', 'drift', 'last_run', 'version'),
)
MERGE_PATCH = {'Content-Type': 'application/merge-patch+json'}


def test_create(rest: Client) -> None:
    """A new stack is there at once, and its first run is answered before it has ended."""
    answer = rest.create()
    assert answer.status_code == 202
    assert (answer.json['operation'], answer.json['state']) == ('update', 'running')
    assert answer.headers['location'] == f'/v1/runs/{answer.json["id"]}'
    assert answer.headers['retry-after'] == '1'
    assert 'preference-applied' not in answer.headers
    assert rest.stack()['state'] == 'creating'
    assert [each['name'] for each in rest.simulate_get('/v1/stacks').json['items']] == ['web']


@pytest.mark.parametrize(
    ('preference', 'applied'),
    [
        ('wait=10', 'wait=10'),
        ('respond-async, wait=5', 'wait=5'),
        ('Wait = "7"; strict', 'wait=7'),
        ('wait=999', 'wait=60'),
    ],
)
def test_wait(rest: Client, preference: str, applied: str) -> None:
    """Who would wait gets the run as it ended, and hears for how long it would have been."""
    answer = rest.create(Prefer=preference)
    assert answer.status_code == 200
    assert answer.json['state'] == 'succeeded'
    assert answer.headers['preference-applied'] == applied
    assert answer.headers['location'] == f'/v1/runs/{answer.json["id"]}'
    assert 'retry-after' not in answer.headers


@pytest.mark.parametrize('preference', ['respond-async', 'wait=0', 'wait=soon', 'waits=9'])
def test_no_wait(rest: Client, preference: str) -> None:
    """Who would not wait, or asks for it in no way that is known, is answered at once."""
    assert rest.create(Prefer=preference).status_code == 202


def test_wait_is_over(rest: Client) -> None:
    """A run that has not ended within the wait is answered as one that goes on."""
    rest.platform.ends_in_time = False
    answer = rest.create(Prefer='wait=1')
    assert (answer.status_code, answer.json['state']) == (202, 'running')
    assert answer.headers['retry-after'] == '1'
    assert 'preference-applied' not in answer.headers


def test_one(rest: Client) -> None:
    """A stack is answered with all that is known of it, and no secret."""
    run = rest.create_whole()
    answer = rest.simulate_get('/v1/stacks/web')
    assert answer.status_code == 200
    assert set(answer.json) == set(FIELDS)
    assert answer.json['inputs'] == {'team': '[secret]'}
    assert answer.json['created_at'] == '2026-11-24T12:00:00.123Z'
    assert answer.json['last_run'] == run
    assert answer.headers['etag'] == f'"{answer.json["version"]}"'
    assert answer.headers['cache-control'] == 'no-cache'
    assert 'planted' not in answer.text


def test_drift(rest: Client) -> None:
    """What a refresh found outside is in the stack, until another one takes it over."""
    rest.create_whole()
    assert rest.stack()['drift'] is None
    rest.platform.end(rest.begin('refresh').json['id'])
    assert rest.stack()['drift'] == {'checked_at': '2026-11-24T12:00:00Z', 'changes': {'update': 1}}
    rest.platform.end(rest.begin('refresh', accept=True).json['id'])
    assert rest.stack()['drift'] is None


def test_outputs(rest: Client) -> None:
    """The outputs alone are an object of their own."""
    run = rest.create_whole()
    assert rest.simulate_get('/v1/stacks/web/outputs').json == {'made_by': run}


@pytest.mark.parametrize(
    ('tags', 'status'),
    [('"{}"', 304), ('W/"{}"', 304), ('"x", "{}"', 304), ('*', 304), ('"x"', 200), ('"1{}"', 200)],
)
def test_if_none_match(rest: Client, tags: str, status: int) -> None:
    """Who has a stack already gets no body, only its ETag again."""
    rest.create_whole()
    version = rest.stack()['version']
    headers = {'If-None-Match': tags.format(version)}
    answer = rest.simulate_get('/v1/stacks/web', headers=headers)
    assert answer.status_code == status
    assert bool(answer.content) == (status == 200)
    assert answer.headers['etag'] == f'"{version}"'


@pytest.mark.parametrize('headers', [MERGE_PATCH, {'Content-Type': 'application/json'}])
def test_change(rest: Client, headers: dict[str, str]) -> None:
    """What is written about a stack can be changed, and the answer has it with its new ETag."""
    rest.create_whole()
    before = rest.stack()['version']
    body = '{"ttl": "8h", "owner": "bob", "description": "ours", "protected": true}'
    answer = rest.simulate_patch('/v1/stacks/web', body=body, headers=headers)
    assert answer.status_code == 200
    assert answer.json['expires_at'] == '2026-11-24T20:00:00.123Z'
    assert (answer.json['owner'], answer.json['description']) == ('bob', 'ours')
    assert answer.json['protected'] is True
    assert answer.json['version'] == before + 1
    assert answer.headers['etag'] == f'"{before + 1}"'


@pytest.mark.parametrize(
    ('field', 'left'),
    [('ttl', None), ('expires_at', None), ('description', ''), ('protected', False)],
)
def test_take_away(rest: Client, field: str, left: object) -> None:
    """What is changed to null is not there any more."""
    rest.create_whole()
    given = {'ttl': '8h', 'description': 'ours', 'protected': True}
    rest.simulate_patch('/v1/stacks/web', json=given)
    answer = rest.simulate_patch('/v1/stacks/web', json={field: None})
    assert answer.json['expires_at' if field == 'ttl' else field] == left


@pytest.mark.parametrize(
    ('tags', 'status'),
    [
        ('"{}"', 200),
        ('"x", "{}"', 200),
        ('"99", "{}"', 200),
        ('*', 200),
        ('"99"', 412),
        ('"98", "99"', 412),
        ('W/"{}"', 412),
        ('"0{}"', 412),
        ('"x"', 412),
    ],
)
@pytest.mark.parametrize('method', ['PATCH', 'POST', 'DELETE'])
def test_if_match(rest: Client, method: str, tags: str, status: int) -> None:
    """What If-Match names must be the stack's version, by strong comparison, for any change."""
    rest.create_whole()
    headers = {'If-Match': tags.format(rest.stack()['version'])}
    body = {'PATCH': {'protected': True}, 'POST': {'operation': 'refresh'}, 'DELETE': None}[method]
    path = '/v1/stacks/web' + ('/runs' if method == 'POST' else '')
    answer = rest.simulate_request(method, path, json=body, headers=headers)
    assert answer.status_code == (202 if status == 200 and method != 'PATCH' else status)
    if status == 412:
        assert_problem(answer.status_code, answer.headers, answer.json, 412)
        assert answer.json['type'] == '/docs/errors#changed'


def test_destroy(rest: Client) -> None:
    """A stack is destroyed by a run; asked again, the answer is that run; then it is gone."""
    rest.create_whole()
    first = rest.simulate_delete('/v1/stacks/web')
    assert first.status_code == 202
    assert (first.json['operation'], first.json['state']) == ('destroy', 'running')
    assert first.headers['location'] == f'/v1/runs/{first.json["id"]}'
    assert rest.stack()['state'] == 'destroying'
    again = rest.simulate_delete('/v1/stacks/web', headers={'Prefer': 'wait=5'})
    assert (again.status_code, again.json['id']) == (200, first.json['id'])
    assert rest.simulate_get('/v1/stacks/web').status_code == 404
    assert rest.simulate_delete('/v1/stacks/web').status_code == 404


def test_destroy_in_turn(rest: Client) -> None:
    """A destroy is refused while another run is on, unless it may wait for that."""
    rest.create()
    assert rest.simulate_delete('/v1/stacks/web').status_code == 409
    queued = rest.simulate_delete('/v1/stacks/web', query_string='queue=true')
    assert (queued.status_code, queued.json['state']) == (202, 'queued')


def test_forget(rest: Client) -> None:
    """An operator may remove a stack without destroying it; others may not."""
    rest.create_whole()
    user = Client(rest.platform, Caller('bob', 'user'))
    refused = user.simulate_delete('/v1/stacks/web', query_string='destroy=false')
    assert_problem(refused.status_code, refused.headers, refused.json, 403)
    forgotten = rest.simulate_delete('/v1/stacks/web', query_string='destroy=false')
    assert (forgotten.status_code, forgotten.content) == (204, b'')
    assert rest.simulate_get('/v1/stacks/web').status_code == 404


def test_list(rest: Client) -> None:
    """Stacks are listed by name, page by page, and each page links to the next with its filters."""
    for name in 'cab':
        rest.create(name)
    query = 'limit=2&program=token&owner=ann'
    first = rest.simulate_get('/v1/stacks', query_string=query)
    assert [each['name'] for each in first.json['items']] == ['a', 'b']
    link, _, relation = first.headers['link'].partition('; ')
    assert relation == 'rel="next"'
    path, _, query = link.strip('<>').partition('?')
    assert 'owner=ann' in query
    assert f'cursor={first.json["next"]}' in query
    second = rest.simulate_get(path, query_string=query)
    assert [each['name'] for each in second.json['items']] == ['c']
    assert second.json['next'] is None
    assert 'link' not in second.headers


@pytest.mark.parametrize(
    ('query', 'count'),
    [
        ('', 1),
        *((f'state={state}', state == 'creating') for state in STACK_STATES),
        ('program=other', 0),
        ('owner=bob', 0),
        ('limit=200', 1),
    ],
)
def test_filters(rest: Client, query: str, count: int) -> None:
    """A filter leaves out what it does not fit."""
    rest.create()
    assert len(rest.simulate_get('/v1/stacks', query_string=query).json['items']) == count


@pytest.mark.parametrize(
    ('changes', 'flaws'),
    [
        ({'program': 3}, {'#/program': 'must be a string'}),
        ({'program': 'none'}, {'#/program': 'is not in the catalogue'}),
        ({'name': 'Web'}, {'#/name': 'must match the pattern ^[a-z0-9][a-z0-9-]{0,59}$'}),
        ({'name': 'web\n'}, {'#/name': 'must be lower-case letters, digits and dashes'}),
        ({'inputs': []}, {'#/inputs': 'must be an object'}),
        ({'inputs': {}}, {'#/inputs/team': 'is required'}),
        ({'ttl': 8}, {'#/ttl': 'must be a string or null'}),
        ({'ttl': 'soon'}, {'#/ttl': 'must be a time as 90m, 8h or 3d'}),
        (
            {'description': 1, 'nmae': 'web', 'a/b': 1},
            {
                '#/description': 'must be a string',
                '#/nmae': 'is not known here',
                '#/a~1b': 'is not known here',
            },
        ),
        (
            {'inputs': {'size': 'x', 'sise': 1}, 'ttl': '?'},
            {
                '#/inputs/size': 'must be an integer',
                '#/inputs/sise': 'is not an input of this program',
                '#/inputs/team': 'is required',
                '#/ttl': 'must be a time as 90m, 8h or 3d',
            },
        ),
    ],
)
def test_invalid(rest: Client, changes: dict[str, Any], flaws: dict[str, str]) -> None:
    """Everything that is wrong with a body is told at once, each by its place."""
    answer = rest.simulate_post('/v1/stacks', json={**NEW, **changes})
    assert_problem(answer.status_code, answer.headers, answer.json, 422)
    assert answer.json['type'] == '/docs/errors#invalid'
    assert {each['pointer']: each['detail'] for each in answer.json['errors']} == flaws
    assert rest.simulate_get('/v1/stacks').json['items'] == []


def test_missing_fields(rest: Client) -> None:
    """What a new stack cannot do without is named."""
    answer = rest.simulate_post('/v1/stacks', json={})
    assert [each['pointer'] for each in answer.json['errors']] == ['#/name', '#/program']


@pytest.mark.parametrize(
    ('body', 'flaw'),
    [
        ({'protected': 'yes'}, '#/protected'),
        ({'expires_at': ''}, '#/expires_at'),
        ({'owner': None}, '#/owner'),
        ({'expires_at': 'soon'}, '#/expires_at'),
        ({'inputs': {}}, '#/inputs'),
    ],
)
def test_invalid_change(rest: Client, body: dict[str, Any], flaw: str) -> None:
    """A change of what cannot be changed, or to what it cannot be, is refused."""
    rest.create_whole()
    answer = rest.simulate_patch('/v1/stacks/web', json=body)
    assert_problem(answer.status_code, answer.headers, answer.json, 422)
    assert [each['pointer'] for each in answer.json['errors']] == [flaw]


def test_protected(rest: Client) -> None:
    """A protected stack is not destroyed."""
    rest.create_whole()
    rest.simulate_patch('/v1/stacks/web', json={'protected': True})
    answer = rest.simulate_delete('/v1/stacks/web')
    assert_problem(answer.status_code, answer.headers, answer.json, 409)
    assert answer.json['type'] == '/docs/errors#protected'
    assert 'run' not in answer.json
