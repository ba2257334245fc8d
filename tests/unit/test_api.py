"""The HTTP side: routes, answers, and the one shape of errors."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from falcon import testing
from pulumi import automation as auto

import api
from basic_pulumi import (
    BusyError,
    DeadlineError,
    EngineUnavailableError,
    ProgramFailedError,
)
from settings import Settings
from tests.problem import assert_problem

VALUES = {'id': '6w==', 'uuid': '59cd34c7-aa0f-4047-2eb4-2f71d728e4d7', 'string': 'x' * 24}


class Runs:
    """Answers runs from VALUES and remembers what was asked."""

    def __init__(self, error: Exception | None = None, **outputs: auto.OutputValue) -> None:
        self.error = error
        self.outputs = outputs
        self.requested: list[str] = []

    def __call__(self, requested: str) -> Any:
        self.requested.append(requested)
        if self.error:
            raise self.error
        value = auto.OutputValue(value=VALUES[requested], secret=False)
        return SimpleNamespace(outputs=self.outputs or {requested: value})


MakeClient = Callable[[Runs], testing.TestClient]


@pytest.fixture
def client() -> MakeClient:
    settings = Settings(allowed_hosts='falconframework.org')  # what the test client says
    return lambda runs: testing.TestClient(api.create_app(runs, settings, check=lambda: None))


@pytest.mark.parametrize('kind', ['id', 'uuid', 'string'])
def test_value(client: MakeClient, kind: str) -> None:
    """Each route runs the program for its kind and answers the page's body, never cached."""
    runs = Runs()
    answer = client(runs).simulate_get(f'/{kind}')
    assert answer.status_code == 200
    assert answer.text == f'{{"response": "{VALUES[kind]}"}}'
    assert answer.headers['cache-control'] == 'no-store'
    assert runs.requested == [kind]


@pytest.mark.parametrize('method', ['GET', 'HEAD'])
def test_greeting(client: MakeClient, method: str) -> None:
    """The root greets and provisions nothing."""
    runs = Runs()
    answer = client(runs).simulate_request(method, '/')
    assert answer.status_code == 200
    assert runs.requested == []
    if method == 'GET':
        assert answer.json == {'response': 'hello, world'}


@pytest.mark.parametrize('kind', ['id', 'uuid', 'string'])
@pytest.mark.parametrize('method', ['HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])
def test_other_methods(client: MakeClient, method: str, kind: str) -> None:
    """A method other than GET is refused with Allow, and nothing is provisioned."""
    runs = Runs()
    answer = client(runs).simulate_request(method, f'/{kind}')
    assert answer.status_code == 405
    assert 'GET' in answer.headers['allow']
    assert runs.requested == []
    if method != 'HEAD':
        assert_problem(answer.status_code, answer.headers, answer.json, 405)


def test_unknown_path(client: MakeClient) -> None:
    """A path that is no route is a problem answer."""
    answer = client(Runs()).simulate_get('/nothing')
    assert_problem(answer.status_code, answer.headers, answer.json, 404)


@pytest.mark.parametrize(
    ('error', 'status'),
    [
        pytest.param(ProgramFailedError('/work/secret stderr'), 502, id='program'),
        pytest.param(EngineUnavailableError('bad passphrase in /work'), 503, id='engine'),
        pytest.param(BusyError('all in use', retry_after=7), 503, id='busy'),
        pytest.param(DeadlineError('stderr: late'), 504, id='deadline'),
        pytest.param(ZeroDivisionError('Traceback'), 500, id='defect'),
    ],
)
def test_errors(
    client: MakeClient, caplog: pytest.LogCaptureFixture, error: Exception, status: int
) -> None:
    """Every error has its status and tells the client nothing that only the log should say."""
    answer = client(Runs(error)).simulate_get('/id')
    assert_problem(answer.status_code, answer.headers, answer.json, status)
    [logged] = [record for record in caplog.records if type(error).__name__ in record.getMessage()]
    # A full queue is no defect, and tracebacks of it would drown the log under load.
    assert bool(logged.exc_info) == (not isinstance(error, BusyError))


def test_busy_says_when(client: MakeClient) -> None:
    """A busy answer says when to come again."""
    answer = client(Runs(BusyError('all in use', retry_after=7))).simulate_get('/id')
    assert answer.headers['retry-after'] == '7'


def test_missing_output(client: MakeClient) -> None:
    """A program that exports something else than what was asked for has failed."""
    other = auto.OutputValue(value='1', secret=False)
    answer = client(Runs(other=other)).simulate_get('/id')
    assert_problem(answer.status_code, answer.headers, answer.json, 502)


def test_secret_output(client: MakeClient) -> None:
    """An output that Pulumi calls secret is masked."""
    hidden = auto.OutputValue(value='hidden', secret=True)
    assert client(Runs(id=hidden)).simulate_get('/id').json == {'response': '[secret]'}


@pytest.mark.parametrize(
    ('given', 'kept'),
    [
        pytest.param('abcdef-12345', True, id='plain'),
        pytest.param('short', False, id='too short'),
        pytest.param('x' * 65, False, id='too long'),
        pytest.param('abcdefgh\tinjected', False, id='not plain'),
    ],
)
def test_request_id(
    client: MakeClient, caplog: pytest.LogCaptureFixture, given: str, kept: bool
) -> None:
    """A request id from outside is kept when it can do no harm in a log."""
    with caplog.at_level(logging.INFO):
        answer = client(Runs()).simulate_get('/id', headers={'X-Request-Id': given})
    assert (answer.headers['x-request-id'] == given) is kept
    assert len(answer.headers['x-request-id']) >= 8
