"""Requests: what they carry, where a token may go, what is sent again, and what errors become."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from infra import (
    AccessError,
    AnswerError,
    Client,
    ConflictError,
    InfraError,
    InvalidError,
    NotFoundError,
    ProblemError,
    SettingsError,
    UnavailableError,
    UnreachableError,
    __version__,
)
from infra.transport import TRIES
from tests.infra import said
from tests.infra.fake_service import Answer, FakeService, fake_service, problem
from tests.infra.fake_time import FakeTime

BUSY = problem(503, 'Not now.', 'unavailable')


def test_head(service: FakeService, client: Client) -> None:
    """A request names the client's version and carries the token."""
    service.on('GET', '/v1/programs', said.page())
    client.programs()
    headers = service.asked[0].headers
    assert headers['User-Agent'].startswith(f'infra/{__version__} ')
    assert headers['Authorization'] == 'Bearer a-token'


def test_token_over_http() -> None:
    """A token does not go over http to another machine, unless that is allowed."""
    with pytest.raises(SettingsError, match='everybody on the way could read it'):
        Client('http://infra.example.com', 'a-token')
    Client('http://infra.example.com', 'a-token', insecure=True)
    Client('http://infra.example.com')
    Client('https://infra.example.com', 'a-token')


@pytest.mark.parametrize('host', ['localhost', '127.0.0.1', '127.8.9.1', '[::1]', 'x.localhost'])
def test_token_on_loopback(host: str) -> None:
    """Over http a token may go to this machine."""
    Client(f'http://{host}:8000', 'a-token')


@pytest.mark.parametrize('host', ['localhost.example.com', '127.0.0.1.example.com', '128.0.0.1'])
def test_like_loopback(host: str) -> None:
    """A name that only looks like this machine's gets no token over http."""
    with pytest.raises(SettingsError):
        Client(f'http://{host}', 'a-token')


@pytest.mark.parametrize(
    'url',
    ['', 'localhost:8000', 'ftp://host', 'http://', 'http://a b', 'https://a@host', 'http://h:x'],
)
def test_no_url(url: str) -> None:
    """What is no url of a service is refused before anything is sent."""
    with pytest.raises(SettingsError):
        Client(url)


def test_token_of_bad_characters() -> None:
    """A token that no header can carry is refused in words that do not have it."""
    with pytest.raises(SettingsError) as caught:
        Client('https://host', 'planted\nvalue')
    assert 'planted' not in str(caught.value)


def test_redirect(service: FakeService, client: Client) -> None:
    """A redirect is not followed: neither the request nor the token reaches the other host."""
    with fake_service() as other:
        to = Answer(status=302, headers={'Location': f'{other.url}/v1/stacks/web'})
        service.on('GET', '/v1/stacks/web', to)
        with pytest.raises(AnswerError, match=f'sends on to {other.url},'):
            client.stack('web')
        assert other.asked == []


def test_strange_redirect(service: FakeService, client: Client) -> None:
    """A redirect to what is no address is an error in words, too."""
    service.on('GET', '/v1/stacks/web', Answer(status=307, headers={'Location': 'http://[x'}))
    with pytest.raises(AnswerError, match='sends on to elsewhere'):
        client.stack('web')


def test_netrc(service: FakeService, client: Client, tmp_path: Path) -> None:
    """A password of ~/.netrc does not take the token's place."""
    with pytest.MonkeyPatch.context() as patch:
        file = tmp_path / 'netrc'
        file.write_text('machine 127.0.0.1 login somebody password other\n')
        patch.setenv('NETRC', str(file))
        service.on('GET', '/v1/programs', said.page())
        client.programs()
    assert service.asked[0].headers['Authorization'] == 'Bearer a-token'


def test_proxy_and_loopback(
    service: FakeService, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is on this machine is not asked for through a proxy."""
    monkeypatch.setenv('http_proxy', 'http://127.0.0.1:1')
    service.on('GET', '/v1/programs', said.page())
    assert client.programs() == []


def test_get_sent_again(service: FakeService, client: Client, time: FakeTime) -> None:
    """A GET is sent again while the service is busy, after ever longer pauses."""
    service.on('GET', '/v1/stacks/web', BUSY, Answer(b'<html>', 502), BUSY, said.stack())
    assert client.stack('web').name == 'web'
    assert 0.4 <= time.pauses[0] < time.pauses[1] < time.pauses[2] <= 2.4


def test_tries_end(service: FakeService, client: Client, time: FakeTime) -> None:
    """A service that stays busy is asked a few times, no more."""
    service.on('GET', '/v1/stacks/web', BUSY)
    with pytest.raises(UnavailableError, match='Not now'):
        client.stack('web')
    assert len(service.asked) == TRIES


def test_retry_after(service: FakeService, client: Client, time: FakeTime) -> None:
    """A pause is as long as the service wants it."""
    wants = Answer(BUSY.body, 503, {'Retry-After': '17'})
    service.on('GET', '/v1/stacks/web', wants, said.stack())
    client.stack('web')
    assert time.pauses == [17.0]


def test_long_retry_after(service: FakeService, client: Client, time: FakeTime) -> None:
    """A service that wants to be left alone for long is an error, which says for how long."""
    service.on('GET', '/v1/stacks/web', Answer(BUSY.body, 503, {'Retry-After': '3600'}))
    with pytest.raises(UnavailableError) as caught:
        client.stack('web')
    assert (caught.value.retry_after, time.pauses) == (3600.0, [])


@pytest.mark.parametrize('header', ['soon', '', '-1', 'Tue, 99 Jan'])
def test_odd_retry_after(service: FakeService, client: Client, time: FakeTime, header: str) -> None:
    """A Retry-After that says nothing is as if there were none."""
    service.on(
        'GET', '/v1/stacks/web', Answer(BUSY.body, 503, {'Retry-After': header}), said.stack()
    )
    client.stack('web')
    assert time.pauses[0] < 1


def test_order_sent_again(service: FakeService, client: Client) -> None:
    """An order that is sent again has the same key; the next order has another one."""
    service.on('POST', '/v1/stacks/web/runs', BUSY, Answer(said.running(), 202))
    service.on('DELETE', '/v1/stacks/web', BUSY, Answer(said.running(), 202))
    client.update('web')
    client.destroy('web')
    keys = [each.headers['Idempotency-Key'] for each in service.asked]
    assert keys[0] == keys[1] != keys[2] == keys[3]
    assert service.asked[0].body == service.asked[1].body


def test_change_sent_once(service: FakeService, client: Client) -> None:
    """What has no key is not sent again when it may have arrived."""
    service.on('PATCH', '/v1/stacks/web', BUSY)
    with pytest.raises(UnavailableError):
        client.protect('web')
    assert len(service.asked) == 1


def test_nobody_there(time: FakeTime) -> None:
    """Where nobody listens the error says what the system says, and what to look at."""
    with socket.socket() as unused:
        unused.bind(('127.0.0.1', 0))
        client = Client(f'http://127.0.0.1:{unused.getsockname()[1]}', around=time.around)
        with pytest.raises(UnreachableError, match=r'connection refused\. Is the service up'):
            client.stack('web')
    assert len(time.pauses) == TRIES - 1


@pytest.mark.parametrize(
    ('status', 'kind'),
    [
        (400, InvalidError),
        (401, AccessError),
        (403, AccessError),
        (404, NotFoundError),
        (409, ConflictError),
        (412, ConflictError),
        (413, InvalidError),
        (422, InvalidError),
        (418, ProblemError),
        (500, ProblemError),
    ],
)
def test_problems(
    service: FakeService, client: Client, status: int, kind: type[InfraError]
) -> None:
    """Each status is an error of its own kind, with the problem object and its kind."""
    service.on('GET', '/v1/stacks/web', problem(status, 'No.', 'some-kind', run='/v1/runs/run_9'))
    with pytest.raises(ProblemError, match='No') as caught:
        client.stack('web')
    assert type(caught.value) is kind
    assert (caught.value.kind, caught.value.run) == ('some-kind', 'run_9')
    assert caught.value.problem['status'] == status


@pytest.mark.parametrize(
    ('status', 'content', 'kind'),
    [
        pytest.param(200, b'<html>Log in</html>', AnswerError, id='HTML'),
        pytest.param(200, b'{"name": "we', AnswerError, id='cut'),
        pytest.param(200, b'[' * 100_000, AnswerError, id='deep'),
        pytest.param(200, b'\xff\xfe', AnswerError, id='bytes'),
        pytest.param(200, b'[]', AnswerError, id='list'),
        pytest.param(200, b'', AnswerError, id='empty'),
        pytest.param(200, b'{"name": 7}', AnswerError, id='other-types'),
        pytest.param(404, b'<html>', AnswerError, id='404-of-somebody-else'),
        pytest.param(401, b'<html>', AccessError, id='401-of-a-proxy'),
        pytest.param(503, b'<html>', UnavailableError, id='503-of-a-proxy'),
        pytest.param(500, b'{"title": null}', ProblemError, id='empty-problem'),
    ],
)
def test_strange_answers(
    service: FakeService, client: Client, status: int, content: bytes, kind: type[InfraError]
) -> None:
    """What is no answer of the service is an error that says so, whatever it is."""
    service.on('GET', '/v1/stacks/web', Answer(content, status))
    with pytest.raises(kind):
        client.stack('web')


@pytest.mark.parametrize('moment', ['yesterday', '2030-01-01T12:00:00', 7, ''])
def test_strange_times(service: FakeService, client: Client, moment: object) -> None:
    """A time that is none, or has no zone, is an error in words."""
    service.on('GET', '/v1/stacks/web', said.stack(created_at=moment))
    with pytest.raises(AnswerError):
        client.stack('web')
