"""`/sites`, over a platform that only remembers."""

from __future__ import annotations

from pathlib import Path

import pytest
from falcon import testing

from stacks.catalogue import Catalogue
from tests.fake_platform import FakePlatform
from tests.problem import assert_problem
from tests.rest_client import Client, make_platform
from web.identity import Caller

PROGRAM = """
name: static-site
description: A page
runtime: python
config:
  content: {type: string}
"""


@pytest.fixture
def rest(tmp_path: Path) -> Client:
    make_platform(tmp_path)
    folder = tmp_path / 'static-site'
    folder.mkdir()
    (folder / 'Pulumi.yaml').write_text(PROGRAM)
    (folder / 'requirements.txt').touch()
    platform = FakePlatform(Catalogue([], [tmp_path]))
    platform.outputs = {'website_url': 'http://web.localhost:1'}
    return Client(platform)


def post(rest: Client, name: str = 'web') -> testing.Result:
    return rest.simulate_post('/sites', json={'id': name, 'content': 'hello'})


def test_life(rest: Client) -> None:
    """A site is made, shown, listed, changed and removed, each waited for."""
    made = {'id': 'web', 'url': 'web.localhost:1'}
    assert rest.simulate_get('/sites').json == {'ids': []}
    assert (post(rest).status_code, post(rest, 'also').json['id']) == (200, 'also')
    assert rest.simulate_get('/sites/web').json == made
    assert rest.simulate_get('/sites').json == {'ids': ['also', 'web']}
    changed = rest.simulate_put('/sites/web', json={'content': 'other'})
    assert (changed.status_code, changed.json) == (200, made)
    assert rest.platform.stack(Caller('ann', 'operator'), 'web').inputs == {'content': 'other'}
    removed = rest.simulate_delete('/sites/web')
    assert (removed.status_code, removed.text) == (200, '')
    assert rest.simulate_get('/sites').json == {'ids': ['also']}


def test_many(rest: Client) -> None:
    """All ids are listed, however many pages they are on."""
    names = sorted(f'site-{number}' for number in range(250))
    for name in names:
        post(rest, name)
    assert rest.simulate_get('/sites').json == {'ids': names}


def test_failed_create(rest: Client) -> None:
    """A create that fails says why, and leaves nothing."""
    rest.platform.failing = {'update'}
    answer = post(rest)
    assert_problem(answer.status_code, answer.headers, answer.json, 502)
    assert answer.json['detail'] == 'It failed, says the test.'
    assert answer.json['run'] == '/v1/runs/run_0001'
    assert rest.simulate_get('/sites').json == {'ids': []}
    rest.platform.failing = set()
    assert post(rest).status_code == 200


def test_failed_create_that_stays(rest: Client) -> None:
    """What a failed create could not remove is not in the way of the next one."""
    rest.platform.failing = {'update', 'destroy'}
    assert post(rest).status_code == 502
    assert rest.simulate_get('/sites').json == {'ids': ['web']}
    rest.platform.failing = set()
    assert post(rest).status_code == 200
    assert post(rest).status_code == 409


def test_busy(rest: Client) -> None:
    """Where something is done with the site already, that is told, with its run."""
    post(rest)
    run = rest.begin('refresh').json['id']
    for answer in (
        rest.simulate_put('/sites/web', json={'content': 'x'}),
        rest.simulate_delete('/sites/web'),
    ):
        assert_problem(answer.status_code, answer.headers, answer.json, 409)
        assert answer.json['detail'] == "stack 'web' already has update in progress"
        assert answer.json['run'] == f'/v1/runs/{run}'


def test_not_in_time(rest: Client) -> None:
    """A run that has not ended when the wait is over goes on, and is named."""
    rest.platform.ends_in_time = False
    answer = post(rest)
    assert_problem(answer.status_code, answer.headers, answer.json, 503)
    assert answer.headers['retry-after'] == '5'
    assert answer.json['run'] == '/v1/runs/run_0001'


def test_wrong(rest: Client) -> None:
    """What is wrong is told where the body has it."""
    answer = rest.simulate_post('/sites', json={'id': 'No', 'content': 'x'})
    assert_problem(answer.status_code, answer.headers, answer.json, 422)
    assert answer.json['errors'][0]['pointer'] == '#/id'
    answer = rest.simulate_put('/sites/web', json={'id': 'other', 'content': 'x'})
    assert answer.json['errors'][0]['pointer'] == '#/id'


def test_reader(rest: Client) -> None:
    """A reader may look at sites, and change none."""
    reader = Client(rest.platform, Caller('eve', 'reader'))
    post(rest)
    assert reader.simulate_get('/sites/web').status_code == 200
    assert reader.simulate_delete('/sites/web').status_code == 403
    assert post(reader, 'mine').status_code == 403


@pytest.mark.parametrize('method', ['GET', 'PUT', 'DELETE'])
def test_stack_of_another_program(rest: Client, method: str) -> None:
    """Stacks of other programs are no sites."""
    rest.create_whole('token')
    body = {'content': 'x'} if method == 'PUT' else None
    answer = rest.simulate_request(method, '/sites/token', json=body)
    assert_problem(answer.status_code, answer.headers, answer.json, 404)
    assert answer.json['detail'] == "stack 'token' does not exist"
