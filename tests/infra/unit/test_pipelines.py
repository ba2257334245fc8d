"""What pipelines need: signing in by their own token, keys of commands; and notifications."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra import Client, SettingsError, config_file, oidc
from infra.cli import codes
from tests.infra import said
from tests.infra.command import Command
from tests.infra.fake_service import Answer, FakeService, problem

WEB = '/v1/stacks/web'
NOTIFICATION = {
    'id': 'ntf_1',
    'event': 'evt_1',
    'type': 'run.failed',
    'stack': 'web',
    'run': 'run_1',
    'destination': 'ops',
    'state': 'waiting',
    'attempts': 2,
    'status': 503,
    'answer': 'down',
    'created_at': '2030-01-01T12:00:00.000Z',
    'answered_at': '2030-01-01T12:00:05.000Z',
    'due_at': '2030-01-01T12:05:00.000Z',
}


def signs_in(service: FakeService) -> None:
    service.on('POST', '/v1/auth/oidc', {'token': 'planted-own'})
    service.on('GET', '/v1/programs', {'items': [], 'next': None})


def test_variable(
    service: FakeService, infra: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A pipeline's token from a variable becomes one of the service, which alone is stored."""
    signs_in(service)
    monkeypatch.delenv('INFRA_TOKEN')
    monkeypatch.setenv('ID_TOKEN', 'planted-theirs\n')
    done = infra('login', service.url, '--oidc', 'env:ID_TOKEN')
    assert done.code == codes.DONE, done.err
    assert service.asked[0].body == {'token': 'planted-theirs'}
    assert 'Authorization' not in service.asked[0].headers
    assert config_file.read(config_file.path()).token == 'planted-own'
    assert 'planted' not in done.out + done.err


def test_github(service: FakeService, infra: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """On GitHub the token is asked for, with the service as its audience."""
    signs_in(service)
    service.on('GET', '/token', {'value': 'planted-theirs'})
    monkeypatch.setenv(oidc.REQUEST_URL, f'{service.url}/token?api-version=2')
    monkeypatch.setenv(oidc.REQUEST_TOKEN, 'planted-request')
    assert infra('login', service.url, '--oidc', 'github').code == codes.DONE
    asked = service.asked[0]
    assert asked.headers['Authorization'] == 'Bearer planted-request'
    assert f'audience={service.url.replace(":", "%3A").replace("/", "%2F")}' in asked.query
    assert 'api-version=2' in asked.query
    assert service.asked[1].body == {'token': 'planted-theirs'}


@pytest.mark.parametrize('answer', [problem(500, 'no'), Answer(b'no json'), Answer({'a': 1})])
def test_no_token_of_github(
    service: FakeService, infra: Command, monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    """Where GitHub gives no token, that is told, without what it was asked by."""
    service.on('GET', '/token', answer)
    monkeypatch.setenv(oidc.REQUEST_URL, f'{service.url}/token?planted')
    monkeypatch.setenv(oidc.REQUEST_TOKEN, 'planted-request')
    done = infra('login', service.url, '--oidc', 'github')
    assert done.code == codes.USAGE
    assert 'GitHub gave this job no token' in done.err
    assert 'planted' not in done.err


@pytest.mark.parametrize(
    ('source', 'words'),
    [
        ('github', 'id-token: write'),
        ('env:MISSING', 'MISSING'),
        ('env:', 'env:NAME'),
        ('other', 'env:NAME'),
    ],
)
def test_sources(source: str, words: str) -> None:
    """What is no source of a token, or has none, is told."""
    with pytest.raises(SettingsError, match=words):
        oidc.token(source, 'https://infra.example.com', {})


def test_refused(service: FakeService, infra: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipeline that is not trusted gets to know that, and nothing is stored."""
    service.on('POST', '/v1/auth/oidc', problem(401, 'No pipeline that is trusted here.'))
    monkeypatch.setenv('ID_TOKEN', 'planted-theirs')
    done = infra('login', service.url, '--oidc', 'env:ID_TOKEN')
    assert done.code == codes.TOKEN
    assert 'No pipeline that is trusted here.' in done.err
    assert config_file.read(config_file.path()).token == ''
    assert len(service.paths('POST')) == 1


def has_stack(service: FakeService) -> None:
    service.on('GET', WEB, said.stack())
    service.on('GET', '/v1/programs/files', said.program())
    service.on('GET', '/v1/runs/run_1', said.run())
    service.on('POST', f'{WEB}/runs', Answer(said.running(), 202))


def keys(service: FakeService) -> list[str]:
    orders = (each for each in service.asked if each.method != 'GET')
    return [each.headers['Idempotency-Key'] for each in orders]


def test_key(service: FakeService, infra: Command) -> None:
    """With a key, each step of a command is an order that has a key of its own."""
    has_stack(service)
    given = ('up', 'web', '-i', 'size=4', '--yes', '--idempotency-key', 'job-1')
    for _ in range(2):
        assert infra(*given).code == codes.DONE
    assert keys(service) == ['job-1-preview', 'job-1-update'] * 2


def test_key_of_new(service: FakeService, infra: Command) -> None:
    """A stack that the same command has made before is not updated, but told as it was made."""
    has_stack(service)
    service.on('POST', '/v1/stacks', Answer(said.running(), 202))
    given = ('up', 'web', '-p', 'files', '-i', 'size=4', '--yes', '--idempotency-key', 'job-1')
    assert infra(*given).code == codes.DONE
    assert keys(service) == ['job-1-new']


@pytest.mark.parametrize(
    ('answer', 'code', 'count'),
    [
        (problem(409, 'There is one.', 'name-taken'), codes.DONE, 3),
        (problem(422, 'token is required', 'invalid'), codes.DONE, 3),
        (problem(422, 'Another request.', 'key-reused'), codes.USAGE, 1),
    ],
)
def test_key_of_old(
    service: FakeService, infra: Command, answer: Answer, code: int, count: int
) -> None:
    """A stack that something else has made is updated; a key of another order is refused."""
    has_stack(service)
    service.on('POST', '/v1/stacks', answer)
    given = ('up', 'web', '-p', 'files', '-i', 'size=4', '--yes', '--idempotency-key', 'job-1')
    assert infra(*given).code == code
    assert len(keys(service)) == count


def test_key_of_destroy(service: FakeService, client: Client, infra: Command) -> None:
    """A destroy has its key as it was given; --wait is as usual."""
    service.on('DELETE', WEB, Answer(said.running(operation='destroy'), 202))
    service.on('GET', '/v1/runs/run_1', said.run(operation='destroy'))
    done = infra('destroy', 'web', '--yes', '--wait', '--idempotency-key', 'job-1')
    assert done.code == codes.DONE
    assert keys(service) == ['job-1']


@pytest.mark.parametrize('key', ['', 'a b', '"a"', 'é', 'a' * 201])
def test_no_key(infra: Command, key: str) -> None:
    """What cannot be a key is refused before anything is asked."""
    done = infra('destroy', 'web', '--yes', '--idempotency-key', key)
    assert done.code == codes.USAGE


def test_notifications(service: FakeService, infra: Command) -> None:
    """Notifications are listed with their last answers; as JSON as the service has them."""
    service.on('GET', '/v1/notifications', {'items': [NOTIFICATION], 'next': None})
    done = infra('notifications', '--state', 'waiting', '--stack', 'web')
    assert done.code == codes.DONE
    for each in ('run.failed', 'web', 'ops', 'waiting', '503 down'):
        assert each in done.out
    assert 'state=waiting' in service.asked[-1].query
    assert infra('notifications', '-q').out == 'ntf_1\n'
    assert json.loads(infra('notifications', '--json').out)['items'] == [NOTIFICATION]


def test_no_notifications(service: FakeService, infra: Command) -> None:
    """Where nobody was told of anything, that is said."""
    service.on('GET', '/v1/notifications', {'items': [], 'next': None})
    assert 'Nobody was told' in infra('notifications').err
