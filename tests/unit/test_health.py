"""Readiness, metrics, the OpenAPI document, logs and the audit line."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import falcon.inspect
import pytest
from falcon import testing

import api
from settings import Settings
from tests.fake_pulumi import FakeEngine, MakeSlots
from tests.paths import ROOT
from tests.problem import assert_problem
from web import health, request_log
from web.health import NotReadyError
from web.pages import is_page

SETTINGS = Settings(allowed_hosts='falconframework.org')  # what the test client says


class Check:
    """Counts how often readiness is looked at."""

    def __init__(self, reason: str | None = None) -> None:
        self.reason = reason
        self.count = 0

    def __call__(self) -> None:
        self.count += 1
        self.look()
        if self.reason:
            raise NotReadyError(self.reason)

    def look(self) -> None:
        """Take no time."""


def client(
    check: Callable[[], None] = lambda: None, spin_up: api.SpinUp = api.spin_up_program
) -> testing.TestClient:
    return testing.TestClient(api.create_app(spin_up, SETTINGS, check))


@pytest.mark.parametrize('method', ['GET', 'HEAD'])
@pytest.mark.parametrize('path', ['/healthz', '/readyz'])
def test_good(path: str, method: str) -> None:
    """A service that lives and could run something says so."""
    assert client().simulate_request(method, path).status_code == 200


def test_not_ready() -> None:
    """A service that lacks something says what, and still lives."""
    asked = client(Check('The engine is missing.'))
    answer = asked.simulate_get('/readyz')
    assert_problem(answer.status_code, answer.headers, answer.json, 503)
    assert answer.json['detail'] == 'The engine is missing.'
    assert asked.simulate_get('/healthz').status_code == 200


def test_platform_is_not_up() -> None:
    """While the platform does not serve, the reason is told; when it does, at once nothing."""
    reasons: list[str | None] = ['The platform is coming up.', 'The platform cannot come up.', None]
    app = api.create_app(settings=SETTINGS, check=Check(), obstacle=lambda: reasons[0])
    asked = testing.TestClient(app)
    for reason in reasons[:2]:
        answer = asked.simulate_get('/readyz')
        assert_problem(answer.status_code, answer.headers, answer.json, 503)
        assert answer.json['detail'] == reason
        assert asked.simulate_get('/healthz').status_code == 200
        reasons.pop(0)
    assert asked.simulate_get('/readyz').status_code == 200


def test_readiness_is_cached() -> None:
    """However many ask, and at once, the surroundings are looked at once in a while."""
    check = Check()
    asked = client(check)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: asked.simulate_get('/readyz'), range(20)))
    assert check.count == 1


class HeldCheck(Check):
    """Does not end before it is let go."""

    def __init__(self, reason: str | None = None) -> None:
        super().__init__(reason)
        self.begun, self.let_go = threading.Event(), threading.Event()

    def look(self) -> None:
        self.begun.set()
        assert self.let_go.wait(20)


def test_first_check_holds_one_caller() -> None:
    """While the first check goes on, all other callers are told so at once."""
    check = HeldCheck()
    asked = client(check)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(asked.simulate_get, '/readyz')
        assert check.begun.wait(20)
        try:
            others = [pool.submit(asked.simulate_get, '/readyz').result(10) for _ in range(50)]
        finally:
            check.let_go.set()
    for other in others:
        assert_problem(other.status_code, other.headers, other.json, 503)
        assert int(other.headers['retry-after']) > 0
    assert first.result().status_code == 200
    assert asked.simulate_get('/readyz').status_code == 200
    assert check.count == 1


@pytest.mark.parametrize(('reason', 'status'), [(None, 200), ('The engine is missing.', 503)])
def test_old_result_is_served_while_it_is_renewed(
    monkeypatch: pytest.MonkeyPatch, reason: str | None, status: int
) -> None:
    """A result that is too old is still the answer for those who come while one looks again."""
    monkeypatch.setattr(health, 'FRESH', 0.0)
    check = HeldCheck(reason)
    check.let_go.set()
    asked = client(check)
    assert asked.simulate_get('/readyz').status_code == status
    check.let_go.clear()
    check.begun.clear()
    check.reason = None if reason else 'The backend does not answer.'
    with ThreadPoolExecutor(2) as pool:
        renewing = pool.submit(asked.simulate_get, '/readyz')
        assert check.begun.wait(20)
        try:
            assert pool.submit(asked.simulate_get, '/readyz').result(10).status_code == status
        finally:
            check.let_go.set()
    assert renewing.result().status_code != status


def test_failing_check_is_made_again() -> None:
    """A defect of a check is told to the one who met it, and does not stop the next check."""

    def fail() -> None:
        raise ZeroDivisionError

    asked = client(fail)
    assert [asked.simulate_get('/readyz').status_code for _ in range(2)] == [500, 500]


def test_metrics(fake: FakeEngine, make_slots: MakeSlots) -> None:
    """Runs, steps and slots are counted."""
    slots = make_slots(slots=3)
    asked = client(spin_up=lambda kind: api.spin_up_program(kind, slots))

    def figure(name: str) -> float:
        lines = asked.simulate_get('/metrics').text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    runs = 'runs_total{outcome="succeeded",route="/uuid"}'
    before = figure(runs), figure('step_seconds_count{step="update"}')
    asked.simulate_get('/uuid')
    assert (figure(runs), figure('step_seconds_count{step="update"}')) == (
        before[0] + 1,
        before[1] + 1,
    )
    assert figure('slots_free') == 3
    assert figure('queue_length') == 0


def test_queue_is_bounded(fake: FakeEngine, make_slots: MakeSlots) -> None:
    """A request beyond the queue's limit is refused at once, not after the wait."""
    slots = make_slots(slots=1, queue_limit=1, slot_wait=60)
    asked = client(spin_up=lambda kind: api.spin_up_program(kind, slots))
    inside, leave = threading.Event(), threading.Event()

    def stay() -> None:
        inside.set()
        assert leave.wait(20)

    fake.prepare = lambda command: setattr(command, 'during_up', stay)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(asked.simulate_get, '/id')
        assert inside.wait(20)
        second = pool.submit(asked.simulate_get, '/id')
        while not slots.queue.length:
            assert not second.done()
        refused = asked.simulate_get('/id')
        leave.set()
        assert [first.result().status_code, second.result().status_code] == [200, 200]
    assert_problem(refused.status_code, refused.headers, refused.json, 503)
    assert int(refused.headers['retry-after']) > 0


def test_document_has_all_routes() -> None:
    """The OpenAPI document names the routes and methods of programs, and no other."""
    routes = falcon.inspect.inspect_routes(api.create_app(settings=SETTINGS))
    offered = {
        (route.path, method.method.lower())
        for route in routes
        for method in route.methods
        if not method.internal and not is_page(route.path)
    }
    described = {
        (path, method) for path, item in api.describe()['paths'].items() for method in item
    }
    assert described == offered


def test_document_is_served() -> None:
    """The document is served as it is."""
    assert client().simulate_get('/openapi.json').json == api.describe()


def test_readme_has_all_routes() -> None:
    """The README's table names every route and method."""
    readme = (ROOT / 'README.md').read_text()
    for path, item in api.describe()['paths'].items():
        for method in set(item) - {'head'}:
            assert f'| `{method.upper()} {path}` |' in readme


@pytest.mark.parametrize(
    ('error', 'result'), [(None, 'succeeded'), (ZeroDivisionError, 'ZeroDivisionError')]
)
def test_audit(
    fake: FakeEngine,
    make_slots: MakeSlots,
    caplog: pytest.LogCaptureFixture,
    error: type[Exception] | None,
    result: str,
) -> None:
    """A run and its destroy leave a line each: who did what to which stack, how it ended."""

    def fail() -> None:
        if error:
            raise error

    slots = make_slots()
    fake.prepare = lambda command: setattr(command, 'during_up', fail)
    with caplog.at_level(logging.INFO, logger='audit'):
        client(spin_up=lambda kind: api.spin_up_program(kind, slots)).simulate_get('/id')
    lines = [each.getMessage() for each in caplog.records if each.name == 'audit']
    assert lines == [
        "caller=127.0.0.1 stack=dev action='destroy' result=succeeded",
        f"caller=127.0.0.1 stack=dev action='run id' result={result}",
    ]


def test_json_log() -> None:
    """As JSON, each record is one line, its traceback included."""
    request_log.current_id.set('the-request')
    formatter: Any = request_log.JsonFormatter()
    try:
        raise ValueError('two\nlines')
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    record = logging.LogRecord('api', logging.ERROR, __file__, 1, 'went %s', ('wrong',), info)
    text = formatter.format(record)
    assert '\n' not in text
    line = json.loads(text)
    assert (line['level'], line['message'], line['request_id']) == (
        'ERROR',
        'went wrong',
        'the-request',
    )
    assert 'ValueError: two\nlines' in line['traceback']
