"""The three routes on the real engine, behind a real gunicorn."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
import requests

import engine
from tests.faults.held import await_that
from tests.paths import ROOT
from tests.problem import assert_problem
from tests.service import Service, serving

SLOTS = 2
# How many requests are sent at once: the stock CLI takes seconds for each.
AT_ONCE = {'warm': 12, 'cli': SLOTS + 1}
# What test_many_at_once shows with the stock CLI, too.
only_warm = pytest.mark.parametrize('mode', ['warm'], indirect=True)


@pytest.fixture(scope='module')
def service(
    mode: str, tmp_path_factory: pytest.TempPathFactory, built_engine: engine.Engine
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp(mode)
    with serving(folder, ENGINE=mode, SLOTS=str(SLOTS), SLOT_WAIT='120') as running:
        yield running


def assert_form(kind: str, value: str) -> None:
    if kind == 'id':
        assert len(base64.b64decode(value, validate=True)) == 1
    elif kind == 'uuid':
        assert str(uuid.UUID(value)) == value
    else:
        assert len(value) == 24


def value_of(answer: requests.Response) -> str:
    assert answer.status_code == 200, answer.text
    assert answer.headers['cache-control'] == 'no-store'
    body = answer.json()
    assert list(body) == ['response']
    return str(body['response'])


@only_warm
@pytest.mark.parametrize('kind', ['id', 'uuid', 'string'])
def test_value(service: Service, kind: str) -> None:
    """Each route answers a value of its kind."""
    assert_form(kind, value_of(service.get(f'/{kind}')))


@only_warm
def test_values_differ(service: Service) -> None:
    """Two requests get two values: nothing is cached and nothing is left of the first."""
    assert value_of(service.get('/uuid')) != value_of(service.get('/uuid'))


def test_many_at_once(service: Service, mode: str) -> None:
    """More mixed requests than slots at once all get their own kind of value, all different."""
    kinds = (['uuid', 'string', 'id'] * 4)[: AT_ONCE[mode]]
    with ThreadPoolExecutor(len(kinds)) as pool:
        answers = list(pool.map(lambda kind: service.get(f'/{kind}'), kinds))
    values = [value_of(answer) for answer in answers]
    for kind, value in zip(kinds, values, strict=True):
        assert_form(kind, value)
    long_ones = [value for kind, value in zip(kinds, values, strict=True) if kind != 'id']
    assert len(set(long_ones)) == len(long_ones)


def test_page_lines(service: Service) -> None:
    """A request logs the page's lines, and Pulumi's own between them, in the page's order."""
    before = len(service.log())
    value = value_of(service.get('/uuid'))
    log = service.log()[before:]
    stack = service.settings['STACK']
    expected = [
        'info: Preparing a virtual environment...',
        'info: Virtual environment set up',
        'info: Successfully initialized stack',
        'info: Setting up the project config',
        'info: Project config set successfully',
        'info: Refreshing the stack',
        rf'Refreshing \({stack}.*\)',
        'info: Successfully refreshed stack',
        'info: Updating stack...',
        rf'Updating \({stack}.*\)',
        r'random:index:RandomUuid fake-uuid created',
        rf'uuid: "{value}"',
        'info: Successfully updated the stack',
        'info: Summary: \n{\n    "create": 2\n}',
        f'info: Output: {value}',
        'info: Destroying the stack...',
        rf'Destroying \({stack}.*\)',
        r'random:index:RandomUuid fake-uuid deleted',
        'info: Successfully destroyed the stack',
    ]
    position = 0
    for line in expected:
        found = re.compile(line).search(log, position)
        assert found, f'{line!r} is missing after:\n{log[:position]}'
        position = found.start()


def checkpoints(service: Service) -> list[Path]:
    stacks = service.state / 'backend' / '.pulumi' / 'stacks' / 'burner-program'
    return [path for path in stacks.glob('*.json') if path.name.startswith('test-')]


def test_nothing_is_left(service: Service) -> None:
    """After a run no resource, no lock and no process of the run is left."""
    if not checkpoints(service):  # Of the runs of other tests.
        value_of(service.get('/string'))
    assert checkpoints(service)
    for checkpoint in checkpoints(service):
        latest = json.loads(checkpoint.read_text())['checkpoint']['latest']
        assert not (latest or {}).get('resources')
    locks = service.state / 'backend' / '.pulumi' / 'locks'
    assert [path for path in locks.rglob('*') if path.is_file()] == []


def test_errors_provision_nothing(service: Service) -> None:
    """Other methods and other paths are refused without a run."""
    before = service.log().count('Updating stack')
    for method in ('HEAD', 'POST', 'PUT', 'DELETE'):
        answer = requests.request(method, service.url + '/uuid', timeout=60)
        assert answer.status_code == 405
        assert 'GET' in answer.headers['allow']
    missing = service.get('/nothing')
    assert_problem(missing.status_code, missing.headers, missing.json(), 404)
    assert service.log().count('Updating stack') == before
    assert service.get('/').json() == {'response': 'hello, world'}


def test_history_does_not_pile_up(tmp_path: Path, built_engine: engine.Engine) -> None:
    """The files of a slot's state do not grow with the number of runs."""
    with serving(tmp_path, SLOTS='1', RUNS_PER_HISTORY='2', SLOT_WAIT='60') as service:
        counts = []
        for _ in range(6):
            value_of(service.get('/id'))
            history = service.state / 'backend' / '.pulumi' / 'history'
            counts.append(sum(path.is_file() for path in history.rglob('*')))
    per_run = counts[0]
    assert per_run > 0
    assert max(counts) <= 2 * per_run


@pytest.mark.parametrize('way', ['PULUMI setting', 'PATH'])
def test_found_engine(tmp_path: Path, built_engine: engine.Engine, way: str) -> None:
    """A pulumi that the user has is used: named by the setting, or on PATH."""
    asked, pulumi = tmp_path / 'asked', tmp_path / 'bin' / 'pulumi'
    pulumi.parent.mkdir()
    pulumi.write_text(f'#!/bin/sh\necho "$*" >> {asked}\nexec {built_engine.pulumi} "$@"\n')
    pulumi.chmod(0o755)
    path = f'{pulumi.parent}{os.pathsep}{os.environ["PATH"]}'
    chosen = {'PULUMI': str(pulumi)} if way == 'PULUMI setting' else {'PATH': path}
    with serving(tmp_path, ENGINE='cli', **chosen) as service:
        # It asks the engine as a run would.
        await_that(lambda: service.get('/readyz').status_code == 200)
    assert 'whoami' in asked.read_text()


def test_tokens_change_while_it_runs(tmp_path: Path) -> None:
    """A token is good from the moment its line is in the file until the line is taken out."""
    file = tmp_path / 'tokens'
    made = [new_token('anna'), new_token('ben')]
    file.write_text(made[0].line)
    with serving(tmp_path, API_TOKENS_FILE=str(file)) as service:

        def answered() -> list[int]:
            headers = [{'Authorization': f'Bearer {each.token}'} for each in made]
            return [service.get('/', headers=each).status_code for each in headers]

        assert answered() == [200, 401]
        file.write_text(made[0].line + made[1].line)
        assert answered() == [200, 200]
        file.write_text('nonsense')
        assert answered() == [200, 200]
        file.write_text(made[1].line)
        assert answered() == [401, 200]
    assert service.log().count(f'API_TOKENS_FILE={file}, line 1: ') == 1
    assert re.search(r'web\.request_log: anna@127\.0\.0\.1 GET / 200 ', service.log())


class NewToken(NamedTuple):
    """A token, and its line in the file."""

    token: str
    line: str


def new_token(name: str) -> NewToken:
    """Make a token as an operator does."""
    done = subprocess.run(
        [sys.executable, '-m', 'web.tokens', name, 'user'],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return NewToken(done.stderr.strip(), done.stdout)
