"""Errors that say more than a status: what is in the answer, and that the description has it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import falcon
import jsonschema
import pytest
from falcon import testing

from tests.problem import assert_problem
from web import problems
from web.openapi import PROBLEM
from web.problems import Problem

ID = {'request_id': 'the-request', 'status': 409, 'title': 'Conflict'}


class Failing:
    """A route that raises what it is given."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.set_header('X-Request-Id', req.context.request_id)
        raise self._error


class Ids:
    """Gives every request the same id."""

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        req.context.request_id = ID['request_id']


def answer_to(error: Exception) -> testing.Result:
    return answer_of(Failing(error))


def answer_of(resource: object) -> testing.Result:
    app = falcon.App(middleware=[Ids()])
    problems.install(app)
    app.add_route('/', resource)
    return testing.TestClient(app).simulate_get('/')


@pytest.mark.parametrize(
    ('given', 'members'),
    [
        pytest.param({}, {}, id='plain'),
        pytest.param(
            {'type': '/docs/errors#run-in-progress', 'run': '/v1/stacks/a/runs/3'},
            {'type': '/docs/errors#run-in-progress', 'run': '/v1/stacks/a/runs/3'},
            id='run in the way',
        ),
        pytest.param(
            {'errors': [('#/inputs/size', 'It must be a number.'), ('#', 'The name is missing.')]},
            {
                'errors': [
                    {'pointer': '#/inputs/size', 'detail': 'It must be a number.'},
                    {'pointer': '#', 'detail': 'The name is missing.'},
                ]
            },
            id='wrong inputs',
        ),
    ],
)
def test_members(given: dict[str, Any], members: dict[str, Any]) -> None:
    """A problem has the members that it was given and no others, and fits the description."""
    answer = answer_to(Problem(HTTPStatus.CONFLICT, 'No.', **given))
    assert_problem(answer.status_code, answer.headers, answer.json, 409)
    assert answer.json == {**ID, 'detail': 'No.', **members}
    jsonschema.validate(answer.json, PROBLEM)


def test_not_rendered() -> None:
    """An answer that cannot be rendered becomes a problem, with a body as any other."""

    class Odd:
        def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
            resp.set_header('X-Request-Id', req.context.request_id)
            resp.media = {'when': object()}

    answer = answer_of(Odd())
    assert_problem(answer.status_code, answer.headers, answer.json, 500)


def test_headers() -> None:
    """A problem sets the headers that it was given."""
    headers = {'Retry-After': '7', 'Allow': 'GET'}
    answer = answer_to(Problem(HTTPStatus.SERVICE_UNAVAILABLE, 'Later.', headers=headers))
    assert (answer.headers['retry-after'], answer.headers['allow']) == ('7', 'GET')
