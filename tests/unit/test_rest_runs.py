"""`/v1/runs`, and the runs of a stack."""

from __future__ import annotations

from typing import Any

import pytest

from tests.problem import assert_problem
from tests.rest_client import Client

FIELDS = (
    *('id', 'stack', 'program', 'operation', 'state', 'error', 'resources', 'changes', 'inputs'),
    *('caller', 'reason', 'accept', 'preview', 'digest', 'attempts', 'cancel_requested'),
    *('created_at', 'started_at', 'ended_at'),
)
PLAIN = {'Accept': 'text/plain'}


def test_one(rest: Client) -> None:
    """A run is answered with all that is known of it, before and after its end."""
    id = rest.create().json['id']
    running = rest.simulate_get(f'/v1/runs/{id}')
    assert (running.status_code, set(running.json)) == (200, set(FIELDS))
    assert (running.json['state'], running.json['ended_at']) == ('running', None)
    rest.platform.end(id)
    ended = rest.simulate_get(f'/v1/runs/{id}')
    assert (ended.status_code, ended.json['state']) == (200, 'succeeded')
    assert ended.json['ended_at'] == '2026-11-24T12:00:00.123Z'
    assert ended.json['resources'][0]['name'] == 'token'


@pytest.mark.parametrize('operation', ['preview', 'update', 'refresh', 'destroy'])
def test_begin(rest: Client, operation: str) -> None:
    """Each operation is begun by a POST to the runs of a stack."""
    rest.create_whole()
    answer = rest.begin(operation)
    assert (answer.status_code, answer.json['operation']) == (202, operation)
    assert answer.headers['location'] == f'/v1/runs/{answer.json["id"]}'
    assert answer.headers['retry-after'] == '1'


def test_begin_and_wait(rest: Client) -> None:
    """Who would wait gets the run as it ended."""
    rest.create_whole()
    headers = {'Prefer': 'wait=10'}
    body = {'operation': 'refresh', 'accept': True}
    answer = rest.simulate_post('/v1/stacks/web/runs', json=body, headers=headers)
    assert answer.status_code == 200
    assert (answer.json['state'], answer.json['accept']) == ('succeeded', True)


def test_inputs(rest: Client) -> None:
    """An update changes the inputs that it names and keeps the others."""
    rest.create_whole()
    answer = rest.begin(inputs={'size': 5})
    assert answer.json['inputs'] == {'team': '[secret]', 'size': 5}


def test_update_by_preview(rest: Client) -> None:
    """An update may name the preview that decided it, which must be of the stack as it is."""
    rest.create_whole()
    preview = rest.begin('preview', inputs={'size': 5}).json['id']
    rest.platform.end(preview)
    update = rest.begin(preview=preview)
    assert (update.json['preview'], update.json['inputs']['size']) == (preview, 5)
    rest.platform.end(update.json['id'])
    outdated = rest.begin(preview=preview)
    assert_problem(outdated.status_code, outdated.headers, outdated.json, 409)
    assert outdated.json['type'] == '/docs/errors#preview-outdated'


def test_one_at_a_time(rest: Client) -> None:
    """While a run is on, another is refused with a link to it, or queued when that is asked for."""
    first = rest.create().json['id']
    refused = rest.begin()
    assert_problem(refused.status_code, refused.headers, refused.json, 409)
    assert refused.json['type'] == '/docs/errors#run-in-progress'
    assert refused.json['run'] == f'/v1/runs/{first}'
    assert rest.simulate_get(refused.json['run']).json['id'] == first
    queued = rest.begin(queue=True)
    assert (queued.status_code, queued.json['state']) == (202, 'queued')


@pytest.mark.parametrize(
    ('body', 'flaws'),
    [
        ({}, ['#/operation']),
        ({'operation': 'up'}, ['#/operation']),
        ({'operation': 'update', 'inputs': 1, 'queue': 'no'}, ['#/inputs', '#/queue']),
        ({'operation': 'update', 'preview': None, 'force': True}, ['#/force', '#/preview']),
        ({'operation': 'refresh', 'accept': 1}, ['#/accept']),
    ],
)
def test_invalid(rest: Client, body: dict[str, Any], flaws: list[str]) -> None:
    """Everything that is wrong with a body is told at once, each by its place."""
    rest.create_whole()
    answer = rest.simulate_post('/v1/stacks/web/runs', json=body)
    assert_problem(answer.status_code, answer.headers, answer.json, 422)
    assert [each['pointer'] for each in answer.json['errors']] == flaws


def test_history(rest: Client) -> None:
    """A stack's runs are listed newest first, page by page, without their resources."""
    first = rest.create_whole()
    rest.create_whole('other')
    second = rest.begin('refresh').json['id']
    newest = rest.simulate_get('/v1/stacks/web/runs', query_string='limit=1')
    assert [each['id'] for each in newest.json['items']] == [second]
    assert set(newest.json['items'][0]) == set(FIELDS) - {'resources'}
    query = f'limit=1&cursor={second}'
    assert newest.headers['link'] == f'</v1/stacks/web/runs?{query}>; rel="next"'
    oldest = rest.simulate_get('/v1/stacks/web/runs', query_string=query)
    assert [each['id'] for each in oldest.json['items']] == [first]
    assert oldest.json['next'] is None


def test_history_of_a_name(rest: Client) -> None:
    """What was done with a stack that is gone is no history of another one of its name."""
    rest.create_whole()
    rest.simulate_delete('/v1/stacks/web', query_string='destroy=false')
    second = rest.create_whole()
    path = '/v1/stacks/web/runs'
    assert [each['id'] for each in rest.simulate_get(path).json['items']] == [second]
    assert len(rest.simulate_get('/v1/runs', query_string='stack=web').json['items']) == 2


@pytest.mark.parametrize(
    ('query', 'count'),
    [
        ('', 3),
        ('stack=web', 2),
        ('operation=refresh', 1),
        ('state=succeeded', 2),
        ('stack=web&operation=update&state=succeeded', 1),
        ('stack=none', 0),
    ],
)
def test_all(rest: Client, query: str, count: int) -> None:
    """The runs of all stacks can be filtered."""
    rest.create_whole()
    rest.create_whole('other')
    rest.begin('refresh')
    items = rest.simulate_get('/v1/runs', query_string=query).json['items']
    assert len(items) == count
    assert not [each for each in items if 'resources' in each]


def test_cancel(rest: Client) -> None:
    """A run that goes on is cancelled and answered; one that has ended cannot be."""
    id = rest.create().json['id']
    answer = rest.simulate_post(f'/v1/runs/{id}/cancel')
    assert (answer.status_code, answer.json['id']) == (202, id)
    assert answer.json['cancel_requested'] is True
    rest.platform.end(id)
    assert rest.simulate_get(f'/v1/runs/{id}').json['state'] == 'cancelled'
    late = rest.simulate_post(f'/v1/runs/{id}/cancel')
    assert_problem(late.status_code, late.headers, late.json, 409)
    assert late.json['type'] == '/docs/errors#run-ended'
    assert late.json['run'] == f'/v1/runs/{id}'


def test_log(rest: Client) -> None:
    """A log is read part by part, each with the run's state and where to go on."""
    id = rest.create().json['id']
    first = rest.simulate_get(f'/v1/runs/{id}/log')
    assert first.status_code == 200
    assert first.headers['cache-control'] == 'no-store'
    text = 'update begins\n'
    assert first.json == {
        'offset': 0,
        'next': len(text),
        'text': text,
        'complete': False,
        'state': 'running',
        'resources_done': 0,
    }
    rest.platform.end(id)
    rest_of_it = rest.simulate_get(f'/v1/runs/{id}/log', query_string=f'offset={len(text)}').json
    assert rest_of_it['text'] == 'update succeeded\n'
    assert (rest_of_it['complete'], rest_of_it['state']) == (True, 'succeeded')
    assert rest_of_it['resources_done'] == 1


def test_long_log(rest: Client) -> None:
    """A part has at most 32 KiB, and all parts together are the log."""
    id = rest.create_whole()
    rest.platform.logs[id] = text = 'grün\n' * 10_000
    found, offset, is_complete = '', 0, False
    while not is_complete:
        part = rest.simulate_get(f'/v1/runs/{id}/log', query_string=f'offset={offset}').json
        assert part['offset'] == offset
        assert len(part['text'].encode()) <= 32 * 1024
        found, offset, is_complete = found + part['text'], part['next'], part['complete']
    assert found == text


@pytest.mark.parametrize('accept', ['text/plain', 'text/plain, */*;q=0.1'])
def test_plain_log(rest: Client, accept: str) -> None:
    """Who prefers plain text gets the part itself, and what else is to know in headers."""
    id = rest.create().json['id']
    answer = rest.simulate_get(f'/v1/runs/{id}/log', headers={'Accept': accept})
    assert answer.headers['content-type'].startswith('text/plain')
    assert answer.text == 'update begins\n'
    assert answer.headers['log-next'] == str(len(answer.text))
    assert answer.headers['log-complete'] == 'false'
    assert answer.headers['cache-control'] == 'no-store'
    rest.platform.end(id)
    ended = rest.simulate_get(f'/v1/runs/{id}/log', headers=PLAIN)
    assert ended.headers['log-complete'] == 'true'


@pytest.mark.parametrize('accept', ['*/*', 'application/json', 'application/json, text/plain'])
def test_log_is_json(rest: Client, accept: str) -> None:
    """Who does not prefer plain text gets JSON."""
    id = rest.create().json['id']
    answer = rest.simulate_get(f'/v1/runs/{id}/log', headers={'Accept': accept})
    assert answer.json['text'] == 'update begins\n'


@pytest.mark.parametrize('headers', [{}, PLAIN])
def test_beyond_the_log(rest: Client, headers: dict[str, str]) -> None:
    """An offset beyond the end is no place in the log; the end itself is one."""
    id = rest.create_whole()
    end = len(rest.platform.logs[id])
    path = f'/v1/runs/{id}/log'
    at_end = rest.simulate_get(path, query_string=f'offset={end}')
    assert (at_end.status_code, at_end.json['text'], at_end.json['complete']) == (200, '', True)
    beyond = rest.simulate_get(path, query_string=f'offset={end + 1}', headers=headers)
    assert_problem(beyond.status_code, beyond.headers, beyond.json, 416)
    assert beyond.json['type'] == '/docs/errors#beyond-end'
