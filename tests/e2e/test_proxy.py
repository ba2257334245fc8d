"""What deploy/nginx.conf lets through to the service, and what it keeps from it."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import engine
from tests import nginx
from tests.service import Service, serving
from web.bodies import MAX_BODY

# Of loopback too, but not the address that nginx calls the service from.
CALLER = '127.0.0.2'


class Proxy:
    """nginx before a service, asked with paths just as they are written."""

    def __init__(self, address: str, certificate: Path, service: Service) -> None:
        self.service = service
        self._host = urlsplit(address).netloc
        self._context = ssl.create_default_context(cafile=str(certificate))

    def ask(
        self,
        path: str,
        request_id: str = '',
        body: bytes | None = None,
        forwarded: str = '',
        method: str = 'GET',
    ) -> tuple[int, http.client.HTTPMessage]:
        given = {'X-Request-Id': request_id, 'X-Forwarded-For': forwarded}
        headers = {name: value for name, value in given.items() if value}
        connection = http.client.HTTPSConnection(
            self._host, timeout=60, source_address=(CALLER, 0), context=self._context
        )
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.headers
        finally:
            connection.close()


@pytest.fixture(scope='module')
def proxy(tmp_path_factory: pytest.TempPathFactory, built_engine: engine.Engine) -> Iterator[Proxy]:
    if missing := nginx.missing_tool():
        pytest.skip(f'{missing} is not here')
    folder = tmp_path_factory.mktemp('nginx')
    with (
        serving(tmp_path_factory.mktemp('service'), TRUSTED_PROXIES='127.0.0.1') as service,
        nginx.balancing(folder, [service.url, service.url]) as address,
    ):
        assert service.get('/metrics').status_code == 200
        yield Proxy(address, nginx.certificate(folder), service)


def test_passes_requests(proxy: Proxy) -> None:
    """The service's own routes and health are there, with the headers that it sets."""
    status, headers = proxy.ask('/healthz')
    assert status == 200
    assert headers['x-content-type-options'] == 'nosniff'
    assert headers['strict-transport-security']


@pytest.mark.parametrize(
    'path', ['/metrics', '//metrics', '/a/../metrics', '/%6detrics', '/metrics?a']
)
def test_metrics_stay_inside(proxy: Proxy, path: str) -> None:
    """However it is spelled, the way to the figures ends at the proxy."""
    assert proxy.ask(path)[0] == 404


def test_request_id_is_kept(proxy: Proxy) -> None:
    """A request id that the caller sends reaches the service and comes back."""
    assert proxy.ask('/', request_id='from-the-caller')[1]['x-request-id'] == 'from-the-caller'


def test_junk_id_is_replaced(proxy: Proxy) -> None:
    """Something else under that name does not come back, but a proper id does."""
    answered = proxy.ask('/', request_id='no id!')[1]['x-request-id']
    assert len(answered) == 32


@pytest.mark.parametrize('forged', ['', '203.0.113.9', '127.0.0.1', 'junk, 127.0.0.1'])
def test_log_names_the_caller(proxy: Proxy, forged: str) -> None:
    """The service logs who called nginx, whatever that caller says of itself."""
    request_id = proxy.ask('/', forwarded=forged)[1]['x-request-id']
    [line] = [line for line in proxy.service.log().splitlines() if request_id in line]
    assert f'web.request_log: {CALLER} GET / 200 ' in line


def test_body_is_refused(proxy: Proxy) -> None:
    """A body that no request has here ends at the proxy."""
    status, headers = proxy.ask('/uuid', body=b'x' * 5000)
    # The service's own refusals are problem documents.
    assert (status, headers.get_content_type()) == (413, 'text/html')


@pytest.mark.parametrize(
    ('size', 'answered'),
    [(MAX_BODY, (405, 'application/problem+json')), (MAX_BODY + 1, (413, 'text/html'))],
)
def test_body_of_the_platform(proxy: Proxy, size: int, answered: tuple[int, str]) -> None:
    """Where the service takes bodies the proxy lets as much through as the service takes."""
    status, headers = proxy.ask('/v1/programs', method='POST', body=b'x' * size)
    assert (status, headers.get_content_type()) == answered
