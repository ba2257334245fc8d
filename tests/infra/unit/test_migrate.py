"""`infra migrate` and what goes with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from infra import Client
from tests.infra import said
from tests.infra.command import Command
from tests.infra.fake_service import Answer, FakeService

PASSWORD = 'planted-6613'
SECRET_URL = f'postgresql://me:{PASSWORD}@db.example.com/x'
PATH = '/v1/migrations/mig_1'
PLAN = {
    'seconds': 3.0,
    'notes': [],
    'tables': [
        {
            'name': 'goods',
            'rows': 3,
            'notes': [{'level': 'lost', 'text': 'a trigger'}],
            'columns': [{'name': 'id', 'source_type': 'INT', 'target_type': 'bigint', 'notes': []}],
        }
    ],
}
REJECT = {'table': 'goods', 'key': 'id=1', 'column': 'day', 'value': "'x'", 'reason': 'no date'}


def migration(operation: str = 'plan', **more: Any) -> dict[str, Any]:
    """Return a migration whose run has succeeded."""
    return {
        'id': 'mig_1',
        'run': 'run_1',
        'operation': operation,
        'state': 'succeeded',
        'source': 'sqlite:/a.db',
        'target': 'stack goods',
        'plan': PLAN,
        'progress': None,
        'rejects': [],
        'rows': 3 if operation == 'migrate' else None,
        'backup': None,
        'error': None,
        'caller': 'anna',
        'created_at': '2030-01-01T12:00:00.000Z',
        'ended_at': '2030-01-01T12:00:02.500Z',
        **more,
    }


def on_the_way(operation: str = 'plan', **more: Any) -> dict[str, Any]:
    return migration(operation, **{'state': 'running', 'ended_at': None, **more})


@pytest.fixture
def moving(service: FakeService) -> FakeService:
    """A service where a plan succeeds, and then its run."""
    progress = {'step': 'copy', 'rows': 1, 'total': 3, 'rate': 0.5, 'seconds_left': 4.0}
    service.on('POST', '/v1/migrations', Answer(on_the_way(), 202))
    service.on('POST', f'{PATH}/run', Answer(on_the_way('migrate'), 202))
    service.on(
        'GET',
        PATH,
        migration(),
        on_the_way('migrate', progress=progress),
        migration('migrate'),
    )
    return service


def test_planned_asked_done(moving: FakeService, infra: Command) -> None:
    """A plan is shown and asked about, then run, with its progress and its end."""
    done = infra.at_terminal('migrate', 'sqlite:///a.db', '--to', 'goods', typed='y\n')
    assert done.code == 0
    for words in (
        *('INT', 'bigint', 'lost: goods: a trigger', 'about 3 rows, about 3 s'),
        *('Move this into stack goods?', 'copying, 1 of 3 rows', '3 rows were moved'),
    ):
        assert words in done.err
    assert moving.asked[0].body == {
        'source': {'url': 'sqlite:///a.db'},
        'target': {'stack': 'goods'},
        'tables': [],
        'plan': True,
    }


def test_declined(moving: FakeService, infra: Command) -> None:
    """Who says no has moved nothing, and is told how it could go on."""
    done = infra.at_terminal('migrate', 'sqlite:///a.db', '--to', 'goods', typed='n\n')
    assert (done.code, moving.paths('POST')) == (1, ['/v1/migrations'])
    assert 'infra resume mig_1' in done.err


def test_plan_only(moving: FakeService, infra: Command) -> None:
    """With --plan-only the plan is the result."""
    done = infra('migrate', 'sqlite:///a.db', '--to', 'goods', '--plan-only')
    assert (done.code, moving.paths('POST')) == (0, ['/v1/migrations'])
    assert 'bigint' in done.out


def test_refused_by_plan(moving: FakeService, infra: Command) -> None:
    """What cannot be carried over ends the command before anything is moved."""
    refused = {**PLAN, 'notes': [{'level': 'refused', 'text': 'rename it'}]}
    moving.on('GET', PATH, migration(plan=refused))
    done = infra('migrate', 'sqlite:///a.db', '--to', 'goods', '--yes')
    assert (done.code, moving.paths('POST')) == (4, ['/v1/migrations'])
    assert 'database: rename it' in done.err


@pytest.mark.parametrize('url', [SECRET_URL, f'mysql://db/x?password={PASSWORD}'])
def test_no_password_as_argument(service: FakeService, infra: Command, url: str) -> None:
    """A url with a password is refused as an argument, and not repeated."""
    done = infra('migrate', url, '--to', 'goods', '--yes')
    assert (done.code, service.asked) == (2, [])
    assert 'INFRA_SOURCE_URL' in done.err
    assert PASSWORD not in done.err


def test_urls_from_elsewhere(
    moving: FakeService, infra: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Urls come from variables and files as well, and are told to the service alone."""
    monkeypatch.setenv('INFRA_SOURCE_URL', SECRET_URL)
    file = tmp_path / 'target'
    file.write_text(f'{SECRET_URL}2\n')
    more = ('--table', 'a', '--table', 'b', '--schema', 's', '--replace', '--allow-rejects', '2')
    done = infra('migrate', '--to-file', str(file), '--yes', *more)
    assert done.code == 0
    assert moving.asked[0].body == {
        'source': {'url': SECRET_URL},
        'target': {'url': f'{SECRET_URL}2'},
        'tables': ['a', 'b'],
        'schema': 's',
        'replace': True,
        'allow_rejects': 2,
        'plan': True,
    }
    assert PASSWORD not in done.out + done.err


def test_failed(moving: FakeService, infra: Command) -> None:
    """A failure says why, what was left out, and how to go on."""
    error = {'message': '1 rows do not fit', 'resource': None, 'detail': 'RejectsError'}
    failed = migration('migrate', state='failed', error=error, rejects=[REJECT], rows=None)
    moving.on('GET', PATH, migration(), failed)
    done = infra('migrate', 'sqlite:///a.db', '--to', 'goods', '--yes')
    assert done.code == 4
    for words in ('1 rows do not fit', "left out: goods (id=1), day 'x': no date", 'infra resume'):
        assert words in done.err


def test_resume(service: FakeService, infra: Command) -> None:
    """What was cancelled goes on, with another allowance where one is given."""
    service.on('GET', PATH, migration('migrate', state='cancelled'), migration('migrate'))
    service.on('POST', f'{PATH}/resume', Answer(on_the_way('migrate'), 202))
    done = infra('resume', 'mig_1', '--allow-rejects', '5')
    assert (done.code, service.asked[1].query) == (0, 'allow_rejects=5')
    assert '3 rows were moved' in done.err


def test_many_left_out(service: FakeService, infra: Command) -> None:
    """Of many rows that were left out some are told, and where all are."""
    service.on('GET', PATH, migration(), migration('migrate', rejects=[REJECT] * 30))
    service.on('POST', f'{PATH}/run', Answer(on_the_way('migrate'), 202))
    done = infra('resume', 'mig_1')
    assert (done.code, done.err.count('left out: goods')) == (0, 20)
    assert 'and more: infra rejects mig_1' in done.err


def test_rejects(service: FakeService, infra: Command) -> None:
    """All rows that were left out can be listed, as a table or as JSON."""
    path = f'{PATH}/rejects'
    line = json.dumps(REJECT).encode() + b'\n'
    service.on('GET', path, Answer(line * 2), Answer(line), Answer(b''), Answer(b'{}\n[]\n'))
    head, *rows = infra('rejects', 'mig_1').out.splitlines()
    assert head.split() == ['TABLE', 'KEY', 'COLUMN', 'VALUE', 'REASON']
    assert [each.split() for each in rows] == [['goods', 'id=1', 'day', "'x'", 'no', 'date']] * 2
    assert infra('rejects', 'mig_1', '--json').json == [REJECT]
    assert 'no row' in infra('rejects', 'mig_1').err
    assert 'not as the service does' in infra('rejects', 'mig_1').err


def test_abandon(service: FakeService, infra: Command) -> None:
    """What is abandoned is waited for, unless it is gone at once."""
    service.on('DELETE', PATH, Answer(on_the_way('abandon'), 202), Answer(b'', 204))
    inputs = {'migration': 'mig_1'}
    service.on('GET', '/v1/runs/run_1', said.run(operation='abandon', stack='', inputs=inputs))
    for _ in range(2):
        done = infra('abandon', 'mig_1', '--yes')
        assert (done.code, 'mig_1 is gone' in done.err) == (0, True)
    assert len(service.paths('GET')) == 2
    assert infra('abandon', 'mig_1').code == 2


def test_wait_for_run(service: FakeService, infra: Command) -> None:
    """The run of a migration is waited for as others are, and named by its migration."""
    inputs = {'migration': 'mig_1'}
    run = said.run(operation='migrate', stack='', inputs=inputs, resources=[], changes={})
    service.on('GET', '/v1/runs/run_1', run)
    assert 'The migrate of mig_1 has succeeded.' in infra('wait', 'run_1').out


def test_listed(service: FakeService, infra: Command, client: Client) -> None:
    """Migrations are listed with their states."""
    service.on('GET', '/v1/migrations', {'items': [migration()], 'next': None})
    assert 'mig_1' in infra('migrations').out
    assert infra('migrations', '-q').out == 'mig_1\n'
    assert [each.refusals for each in client.migrations()] == [[]]
