"""What holds for all requests below `/v1`: who may, keys, queries, bodies and errors."""

from __future__ import annotations

from typing import Any

import pytest

from tests.problem import assert_problem
from tests.rest_client import NEW, Client
from web.identity import Caller

LOOKS = [
    *('/v1/programs', '/v1/programs/token', '/v1/stacks', '/v1/stacks/web'),
    *('/v1/stacks/web/outputs', '/v1/stacks/web/runs', '/v1/runs', '/v1/runs/run_0001'),
    '/v1/runs/run_0001/log',
]
CHANGES = [
    ('POST', '/v1/stacks', {**NEW, 'name': 'new'}),
    ('PATCH', '/v1/stacks/web', {'description': 'ours'}),
    ('POST', '/v1/stacks/web/runs', {'operation': 'refresh', 'queue': True}),
    ('DELETE', '/v1/stacks/web', None),
    ('POST', '/v1/runs/run_0002/cancel', None),
]
KEYED = [(method, path, body) for method, path, body in CHANGES[:4] if method != 'PATCH']


@pytest.mark.parametrize('path', LOOKS)
def test_head(rest: Client, path: str) -> None:
    """HEAD answers as GET does, without the body."""
    rest.create_whole()
    get, head = (rest.simulate_request(method, path) for method in ('GET', 'HEAD'))
    assert (get.status_code, head.status_code, head.content) == (200, 200, b'')
    mine = {'x-request-id'}
    assert {n: v for n, v in get.headers.items() if n not in mine} == {
        n: v for n, v in head.headers.items() if n not in mine
    }


@pytest.mark.parametrize('path', LOOKS)
def test_readers_look(rest: Client, path: str) -> None:
    """Readers may look at everything."""
    rest.create_whole()
    reader = Client(rest.platform, Caller('rea', 'reader'))
    assert reader.simulate_get(path).status_code == 200


@pytest.mark.parametrize(('method', 'path', 'body'), CHANGES)
def test_readers_change_nothing(rest: Client, method: str, path: str, body: Any) -> None:
    """Readers may change nothing; users may."""
    rest.create_whole()
    rest.begin('refresh')
    reader = Client(rest.platform, Caller('rea', 'reader'))
    refused = reader.simulate_request(method, path, json=body)
    assert_problem(refused.status_code, refused.headers, refused.json, 403)
    assert refused.json['type'] == '/docs/errors#forbidden'
    if method == 'DELETE':
        rest.platform.end('run_0002')
    user = Client(rest.platform, Caller('ann', 'user'))
    assert user.simulate_request(method, path, json=body).status_code in (200, 202)


@pytest.mark.parametrize('path', LOOKS)
@pytest.mark.parametrize('query', ['colour=red', 'limit=0&limit=1', 'limit=x', 'cursor=a&cursor=b'])
def test_query_is_checked(rest: Client, path: str, query: str) -> None:
    """A parameter that is unknown, twice there or of another type is named, whatever was asked."""
    rest.create_whole()
    answer = rest.simulate_get(path, query_string=query)
    assert_problem(answer.status_code, answer.headers, answer.json, 422)
    assert answer.json['detail'].startswith(query.partition('=')[0])
    assert 'errors' not in answer.json


@pytest.mark.parametrize(('method', 'path', 'body'), CHANGES)
def test_query_of_changes_is_checked(rest: Client, method: str, path: str, body: Any) -> None:
    """A change with an unknown parameter changes nothing."""
    rest.create_whole()
    before = rest.stack()
    answer = rest.simulate_request(method, path, json=body, query_string='force=true')
    assert_problem(answer.status_code, answer.headers, answer.json, 422)
    assert answer.json['detail'] == 'force is not a query parameter here.'
    assert rest.stack() == before


@pytest.mark.parametrize(
    ('path', 'query', 'detail'),
    [
        ('/v1/stacks', 'limit=0&state=x', 'limit must be at least 1; state must be one of '),
        ('/v1/stacks', 'limit=201', 'limit must be at most 200.'),
        ('/v1/stacks', 'limit=', 'limit must be an integer.'),
        ('/v1/runs', 'operation=up', 'operation must be one of preview, update'),
        ('/v1/runs', 'cursor=none', 'cursor is none of this list.'),
        ('/v1/runs/run_0001/log', 'offset=-1', 'offset must be at least 0.'),
    ],
)
def test_query_says_what_is_wrong(rest: Client, path: str, query: str, detail: str) -> None:
    """All parameters that are wrong are told at once, in words."""
    rest.create_whole()
    answer = rest.simulate_get(path, query_string=query)
    assert_problem(answer.status_code, answer.headers, answer.json, 422)
    assert answer.json['detail'].startswith(detail)


@pytest.mark.parametrize('query', ['queue=1', 'destroy=no', 'queue=true&queue=true'])
def test_words_of_truth(rest: Client, query: str) -> None:
    """Yes and no are said by true and false alone, and once."""
    rest.create_whole()
    answer = rest.simulate_delete('/v1/stacks/web', query_string=query)
    assert_problem(answer.status_code, answer.headers, answer.json, 422)
    assert rest.stack()['state'] == 'ready'


@pytest.mark.parametrize(('method', 'path', 'body'), KEYED)
def test_same_key(rest: Client, method: str, path: str, body: Any) -> None:
    """A request that is sent again with its key is done once, and answered by the same run."""
    rest.create_whole()
    first, second = (
        rest.simulate_request(method, path, json=body, headers={'Idempotency-Key': key})
        for key in ('k-1', '"k-1"')
    )
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json['id'] == first.json['id']
    assert len(rest.simulate_get('/v1/runs').json['items']) == 2


def test_key_of_the_same_body(rest: Client) -> None:
    """The order of a body's members makes it no other request."""
    bodies = [NEW, dict(reversed(NEW.items()))]
    ids = [
        rest.simulate_post('/v1/stacks', json=body, headers={'Idempotency-Key': 'k'}).json['id']
        for body in bodies
    ]
    assert ids[0] == ids[1]


@pytest.mark.parametrize(
    ('method', 'path', 'body'),
    [
        ('POST', '/v1/stacks', {**NEW, 'name': 'other'}),
        ('POST', '/v1/stacks/web/runs', {'operation': 'refresh'}),
        ('DELETE', '/v1/stacks/web', None),
    ],
)
def test_other_request_of_a_key(rest: Client, method: str, path: str, body: Any) -> None:
    """A key that was used for another request is refused."""
    headers = {'Idempotency-Key': 'k'}
    rest.platform.end(rest.create(**headers).json['id'])
    answer = rest.simulate_request(method, path, json=body, headers=headers)
    assert_problem(answer.status_code, answer.headers, answer.json, 422)
    assert answer.json['type'] == '/docs/errors#key-reused'


@pytest.mark.parametrize('key', ['', '""', '"open', 'a"b', 'a\tb', 'gr\xfcn', 'x' * 256, r'"\a"'])
@pytest.mark.parametrize(('method', 'path', 'body'), KEYED)
def test_malformed_key(rest: Client, method: str, path: str, body: Any, key: str) -> None:
    """A key that is none is refused before anything is done."""
    rest.create_whole()
    answer = rest.simulate_request(method, path, json=body, headers={'Idempotency-Key': key})
    assert_problem(answer.status_code, answer.headers, answer.json, 400)
    assert len(rest.simulate_get('/v1/runs').json['items']) == 1


@pytest.mark.parametrize('key', ['x' * 255, '"' + 'x' * 255 + '"', r'"a\"b\\"', 'a b'])
def test_good_key(rest: Client, key: str) -> None:
    """A key may be long, quoted or bare."""
    assert rest.create(**{'Idempotency-Key': key}).status_code == 202


@pytest.mark.parametrize(
    ('body', 'content_type', 'status'),
    [
        ('{', 'application/json', 400),
        ('[]', 'application/json', 400),
        ('', 'application/json', 400),
        ('{}', 'text/plain', 415),
        ('{}', None, 415),
    ],
)
@pytest.mark.parametrize('where', [(method, path) for method, path, body in CHANGES if body])
def test_no_json(
    rest: Client, where: tuple[str, str], body: str, content_type: str | None, status: int
) -> None:
    """A body that is no JSON object, or does not say that it is, is refused."""
    rest.create_whole()
    headers = {'Content-Type': content_type} if content_type else {}
    answer = rest.simulate_request(*where, body=body, headers=headers)
    assert_problem(answer.status_code, answer.headers, answer.json, status)


def test_only_changes_are_merge_patches(rest: Client) -> None:
    """What begins something is no merge patch."""
    headers = {'Content-Type': 'application/merge-patch+json'}
    answer = rest.simulate_post('/v1/stacks', body='{}', headers=headers)
    assert_problem(answer.status_code, answer.headers, answer.json, 415)


NOWHERE = [
    *(('GET', f'/v1/stacks/none{rest}', None) for rest in ('', '/outputs', '/runs')),
    *(('GET', f'/v1/runs/none{rest}', None) for rest in ('', '/log')),
    ('GET', '/v1/programs/none', None),
    ('PATCH', '/v1/stacks/none', {}),
    ('DELETE', '/v1/stacks/none', None),
    ('POST', '/v1/stacks/none/runs', {'operation': 'update'}),
    ('POST', '/v1/runs/none/cancel', None),
]


@pytest.mark.parametrize(('method', 'path', 'body'), NOWHERE)
def test_not_found(rest: Client, method: str, path: str, body: Any) -> None:
    """What is not there is 404, whatever is to be done with it."""
    answer = rest.simulate_request(method, path, json=body)
    assert_problem(answer.status_code, answer.headers, answer.json, 404)
    assert answer.json['type'] == '/docs/errors#not-found'


@pytest.mark.parametrize(('method', 'path'), [('GET', '/v1/runs'), ('DELETE', '/v1/stacks/web')])
def test_unavailable(rest: Client, method: str, path: str) -> None:
    """A platform that cannot answer says when to come again."""
    rest.platform.is_down = True
    answer = rest.simulate_request(method, path)
    assert_problem(answer.status_code, answer.headers, answer.json, 503)
    assert answer.headers['retry-after'] == '7'
    assert answer.json['type'] == '/docs/errors#unavailable'


def test_other_programs(rest: Client) -> None:
    """Who is limited to programs neither sees nor uses others, nor their stacks and runs."""
    rest.create_whole()
    other = Client(rest.platform, Caller('eve', 'operator', frozenset({'burner-program'})))
    for path in ('/v1/programs', '/v1/stacks', '/v1/runs'):
        assert other.simulate_get(path).json['items'] == []
    for path in ('/v1/programs/token', '/v1/stacks/web', '/v1/runs/run_0001'):
        assert other.simulate_get(path).status_code == 404
    assert other.create('mine').status_code == 403
    same = Client(rest.platform, Caller('eve', 'reader', frozenset({'token'})))
    assert [each['name'] for each in same.simulate_get('/v1/programs').json['items']] == ['token']
