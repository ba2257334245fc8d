"""Who may call: token, Host, headers; and what children get to see."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from falcon import testing
from pulumi import automation as auto

import api
from audit import current_caller
from basic_pulumi import ProgramFailedError
from settings import Settings, SettingsError
from tests.problem import assert_problem
from web.bodies import MAX_BODY
from web.tokens import digest
from workspaces import environment

TOKEN = 'a-token-of-the-test'


def client(**given: object) -> testing.TestClient:
    settings = Settings(**given)  # type: ignore[arg-type]
    return testing.TestClient(api.create_app(settings=settings, check=lambda: None))


@pytest.mark.parametrize('host', ['0.0.0.0', '::', '10.0.0.1', 'example.org', ''])
def test_public_address_needs_a_token(host: str) -> None:
    """An address that others can reach is refused unless there is a token."""
    with pytest.raises(SettingsError, match='API_TOKEN'):
        Settings(host=host)
    assert Settings(host=host, api_token=TOKEN).host == host


@pytest.mark.parametrize('host', ['127.0.0.1', '127.8.9.1', '::1', 'localhost'])
def test_loopback_needs_none(host: str) -> None:
    """Loopback is open to this machine without a token."""
    assert Settings(host=host).is_loopback


def test_token_file(tmp_path: Path) -> None:
    """The token may come from a file, and a file that is missing or empty is refused."""
    file = tmp_path / 'token'
    with pytest.raises(SettingsError, match='API_TOKEN_FILE'):
        Settings.from_env({'API_TOKEN_FILE': str(file)})
    file.write_text('\n')
    with pytest.raises(SettingsError, match='API_TOKEN_FILE'):
        Settings.from_env({'API_TOKEN_FILE': str(file)})
    file.write_text(TOKEN + '\n')
    assert Settings.from_env({'API_TOKEN_FILE': str(file)}).api_token == TOKEN


@pytest.mark.parametrize('text', [f'{TOKEN}\n', f' {TOKEN}', f'{TOKEN}\r\n'])
def test_token_has_nothing_around_it(text: str) -> None:
    """A token is the same with a line break or a space around it, wherever it comes from."""
    settings = Settings.from_env({'API_TOKEN': text, 'HOST': '0.0.0.0'})
    headers = {'Authorization': f'Bearer {TOKEN}'}
    asked = testing.TestClient(api.create_app(settings=settings, check=lambda: None))
    assert asked.simulate_get('/', headers=headers).status_code == 200


@pytest.mark.parametrize('text', [' ', '\n', 'two\nlines', 'gr\u00fcn'])
def test_token_that_no_request_carries(tmp_path: Path, text: str) -> None:
    """A token that is empty, or that no header could hold, is refused at start."""
    file = tmp_path / 'token'
    file.write_text(text)
    for given in ({'API_TOKEN': text}, {'API_TOKEN_FILE': str(file)}):
        with pytest.raises(SettingsError, match=next(iter(given))):
            Settings.from_env(given)


def test_secrets_are_not_shown() -> None:
    """Neither token, nor passphrase, nor the backend's URL is in the settings' own words."""
    planted = [f'planted-{number}' for number in range(3)]
    url = f'postgres://u:{planted[2]}@h/d'
    settings = Settings(api_token=planted[0], passphrase=planted[1], backend_url=url)
    assert not [secret for secret in planted if secret in repr(settings)]


@pytest.mark.parametrize(
    'authorization',
    [
        pytest.param(None, id='none'),
        pytest.param('Bearer wrong', id='wrong'),
        pytest.param(f'Bearer {TOKEN}x', id='longer'),
        pytest.param(f'Basic {TOKEN}', id='other scheme'),
        pytest.param('Bearer', id='empty'),
        pytest.param('Bearer \u00fc', id='not ascii'),
        pytest.param(TOKEN, id='no scheme'),
    ],
)
@pytest.mark.parametrize('path', ['/', '/id', '/metrics', '/openapi.json', '/nothing'])
def test_without_the_token(path: str, authorization: str | None) -> None:
    """Without the right token a request is refused with a challenge, whatever it asks for."""
    headers = {'Authorization': authorization} if authorization else {}
    answer = client(api_token=TOKEN).simulate_get(path, headers=headers, host='localhost')
    assert_problem(answer.status_code, answer.headers, answer.json, 401)
    assert answer.headers['www-authenticate'] == 'Bearer'


def test_with_the_token() -> None:
    """With the right token a request is answered."""
    headers = {'Authorization': f'bearer {TOKEN}'}
    answer = client(api_token=TOKEN).simulate_get('/', headers=headers, host='localhost')
    assert answer.status_code == 200


@pytest.mark.parametrize('path', ['/healthz', '/readyz'])
def test_probes_need_no_token(path: str) -> None:
    """Health and readiness answer those who have no token and name no host."""
    assert client(api_token=TOKEN).simulate_get(path, host='10.1.2.3').status_code == 200


@pytest.mark.parametrize(
    ('host', 'status'),
    [
        ('localhost', 200),
        ('LOCALHOST:8000', 200),
        ('127.0.0.1:8000', 200),
        ('[::1]:8000', 200),
        ('mine.example', 200),
        ('evil.example', 403),
        ('localhost.evil.example', 403),
        ('127.0.0.1.evil.example', 403),
        ('[::1].evil.example', 403),
        ('', 403),
    ],
)
def test_host(host: str, status: int) -> None:
    """On loopback only our own names are served, so that no web page can reach the service."""
    headers = {'Host': host}
    assert client(allowed_hosts='mine.example').simulate_get('/', headers=headers).status_code == (
        status
    )


CALLERS = {
    'rita': 'reader',
    'uma': 'user',
    'otto': 'operator',
    'ida': 'user burner-program,other',
    'eve': 'operator other',
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of tokens that are the callers' own names."""
    lines = []
    for name, rights in CALLERS.items():
        role, _, programs = rights.partition(' ')
        lines.append(f'{name} {role} {digest(name)} {programs}\n')
    made = tmp_path / 'tokens'
    made.write_text(''.join(lines))
    return made


class Runs:
    """A program that is never run where a caller may not."""

    def __init__(self) -> None:
        self.callers: list[str] = []

    def __call__(self, requested: str) -> auto.UpResult:
        self.callers.append(current_caller.get())
        raise ProgramFailedError('as the test wants')


def asked_by(name: str, path: str, runs: Runs, **settings: object) -> testing.Result:
    app = api.create_app(runs, Settings(**settings), check=lambda: None)  # type: ignore[arg-type]
    headers = {'Authorization': f'Bearer {name}', 'Host': 'localhost'}
    return testing.TestClient(app).simulate_get(path, headers=headers, remote_addr='10.0.0.7')


@pytest.mark.parametrize('path', ['/id', '/uuid', '/string'])
@pytest.mark.parametrize(
    ('name', 'reason'),
    [
        ('rita', 'This needs the role user; the token is of a reader.'),
        ('eve', 'The token is not for the program burner-program.'),
    ],
)
def test_who_may_not_run(file: Path, path: str, name: str, reason: str) -> None:
    """A reader, and who is limited to other programs, is told so, and nothing is provisioned."""
    runs = Runs()
    answer = asked_by(name, path, runs, api_tokens_file=str(file))
    assert_problem(answer.status_code, answer.headers, answer.json, 403)
    assert answer.json['detail'] == reason
    assert not runs.callers


@pytest.mark.parametrize('name', ['uma', 'otto', 'ida'])
def test_who_may_run(file: Path, name: str) -> None:
    """Users and operators may run what their tokens are for, and are named in the log."""
    runs = Runs()
    assert asked_by(name, '/uuid', runs, api_tokens_file=str(file)).status_code == 502
    assert runs.callers == [f'{name}@10.0.0.7']


@pytest.mark.parametrize('path', ['/', '/metrics', '/openapi.json', '/v1/programs'])
@pytest.mark.parametrize('name', CALLERS)
def test_everybody_may_read(file: Path, name: str, path: str) -> None:
    """Any token that the file has opens what provisions nothing."""
    assert asked_by(name, path, Runs(), api_tokens_file=str(file)).status_code == 200


@pytest.mark.parametrize('path', ['/', '/id', '/metrics', '/openapi.json', '/nothing'])
def test_token_that_the_file_has_not(file: Path, path: str) -> None:
    """A token that the file does not have is refused as any wrong token is."""
    answer = asked_by('mallory', path, Runs(), api_tokens_file=str(file))
    assert_problem(answer.status_code, answer.headers, answer.json, 401)
    assert answer.headers['www-authenticate'] == 'Bearer'


@pytest.mark.parametrize('given', [{}, {'api_token': TOKEN}], ids=['none', 'sole'])
def test_nobody_is_named_without_a_file(given: dict[str, str]) -> None:
    """Where no token names anybody the log has the address alone, and everybody may run."""
    runs = Runs()
    assert asked_by(TOKEN, '/uuid', runs, **given).status_code == 502
    assert runs.callers == ['10.0.0.7']


def test_sole_token_beside_the_file(file: Path) -> None:
    """With a file of tokens, the one of API_TOKEN is named as the operator's."""
    runs = Runs()
    given = {'api_tokens_file': str(file), 'api_token': TOKEN}
    assert asked_by(TOKEN, '/uuid', runs, **given).status_code == 502
    assert runs.callers == ['operator@10.0.0.7']


def test_request_is_logged_with_its_caller(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The line of a request names its caller, and the address alone where the token is wrong."""
    with caplog.at_level(logging.INFO, logger='web.request_log'):
        for name in ('uma', 'mallory'):
            asked_by(name, '/', Runs(), api_tokens_file=str(file))
    told = [each.getMessage() for each in caplog.records]
    assert told[0].startswith('uma@10.0.0.7 GET / 200 ')
    assert told[1].startswith('10.0.0.7 GET / 401 ')


def test_file_of_tokens_opens_a_public_address(file: Path) -> None:
    """A file of tokens guards a public address, and the description says that a token is needed."""
    given = {'api_tokens_file': str(file), 'host': '0.0.0.0'}
    assert asked_by('rita', '/openapi.json', Runs(), **given).json['security'] == [{'token': []}]


def test_any_host_behind_a_token() -> None:
    """A public service with a token serves whatever name leads to it."""
    settings = {'host': '0.0.0.0', 'api_token': TOKEN}
    headers = {'Authorization': f'Bearer {TOKEN}', 'Host': 'any.example'}
    assert client(**settings).simulate_get('/', headers=headers).status_code == 200


@pytest.mark.parametrize(
    ('method', 'path', 'headers', 'status'),
    [
        ('POST', '/v1/programs', {'Content-Length': str(MAX_BODY)}, 405),
        ('POST', '/v1/programs', {'Content-Length': str(MAX_BODY + 1)}, 413),
        ('POST', '/v1/programs', {'Transfer-Encoding': 'chunked'}, 411),
        ('DELETE', '/v1/programs', {'Content-Length': '1'}, 405),
        ('GET', '/v1/programs', {'Content-Length': '1'}, 413),
        ('GET', '/v1/programs', {'Transfer-Encoding': 'chunked'}, 413),
        ('GET', '/v1/programs', {'Content-Length': '0'}, 200),
        ('POST', '/uuid', {'Content-Length': '1'}, 413),
        ('POST', '/uuid', {'Transfer-Encoding': 'chunked'}, 413),
        ('POST', '/healthz', {'Content-Length': '1'}, 413),
    ],
)
def test_bodies(method: str, path: str, headers: dict[str, str], status: int) -> None:
    """Only the platform takes bodies, of a length that is told and no longer than the limit."""
    headers = {'Host': 'localhost', **headers}
    answer = client().simulate_request(method, path, headers=headers)
    assert answer.status_code == status
    assert ('65536' in answer.text) is (headers.get('Content-Length') == str(MAX_BODY + 1))


@pytest.mark.parametrize('path', ['/', '/nothing', '/healthz'])
def test_security_headers(path: str) -> None:
    """Every answer tells browsers to trust it with nothing."""
    headers = client().simulate_get(path, host='localhost').headers
    assert headers['x-content-type-options'] == 'nosniff'
    assert headers['content-security-policy'] == "default-src 'none'; frame-ancestors 'none'"


def test_children_see_what_they_need() -> None:
    """Pulumi and programs get the variables that they need, not the service's own secrets."""
    environ = {
        'PATH': '/bin',
        'HOME': '/home/me',
        'AWS_REGION': 'eu',
        'PULUMI_ACCESS_TOKEN': 'needed by a backend',
        'PULUMI_OPTION_TARGET': 'sets a flag of every command',
        'API_TOKEN': TOKEN,
        'DATABASE_PASSWORD': 'not theirs',
        'MINE': 'asked for',
    }
    seen = environment.child_environ(Settings(child_env='MINE, OTHER'), environ)
    assert seen.keys() == {'PATH', 'HOME', 'AWS_REGION', 'PULUMI_ACCESS_TOKEN', 'MINE'}
