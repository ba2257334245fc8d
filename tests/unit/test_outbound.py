"""Where requests to others may go, and what becomes of them."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certificates import certified
from tests.receiver import Receiver, Reply, receiving
from triggers import outbound
from triggers.outbound import Outbound, OutboundError, RefusedError

LOOPBACK = [ipaddress.ip_network('127.0.0.0/8'), ipaddress.ip_network('::1/128')]
PRIVATE = [
    *('127.0.0.1', '10.0.0.1', '192.168.1.1', '172.16.0.1', '169.254.169.254', '0.0.0.0'),
    *('100.64.0.1', '224.0.0.1', '255.255.255.255', '::1', '::', 'fe80::1', 'fc00::1', 'ff02::1'),
    *('::ffff:127.0.0.1', '64:ff9b::7f00:1', '64:ff9b:1::1', '2002:7f00:1::', '2001::1'),
    *('::7f00:1', 'fec0::1', '2001:db8::1', 'fe80::1%1'),
]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def sender(*addresses: str) -> Outbound:
    """Return one that may reach nothing private, and finds these addresses for every name."""
    return Outbound([], lambda host, port: addresses)


def test_post(receiver: Receiver) -> None:
    """The body and the headers arrive, under the host's name; the answer is kept in part."""
    receiver.reply = lambda call: Reply(202, {'Retry-After': '7'}, b'x' * 1000)
    url = f'http://receiver.example:{receiver.port}/in?a=b'
    sending = Outbound(LOOPBACK, lambda host, port: ['127.0.0.1'])
    answer = sending.post(url, b'{}', {'Webhook-Id': '1'})
    assert (answer.status, answer.retry_after, answer.text) == (202, '7', 'x' * 200)
    call = receiver.calls[0]
    assert (call.path, call.body, call.headers['webhook-id']) == ('/in?a=b', b'{}', '1')
    assert call.headers['host'] == f'receiver.example:{receiver.port}'


@pytest.mark.parametrize('address', PRIVATE)
def test_private(address: str) -> None:
    """An address that is not the internet's is refused, however it is written."""
    with pytest.raises(RefusedError, match='private address'):
        sender(address).post('https://inside.example/', b'', {})


@pytest.mark.parametrize('address', PRIVATE)
def test_any_private(address: str) -> None:
    """A name that has one private address among others is refused."""
    with pytest.raises(RefusedError):
        sender('1.1.1.1', address).post('https://inside.example/', b'', {})


@pytest.mark.parametrize('host', ['2130706433', '0x7f.1', '127.1', '127.0.0.1', '[::1]'])
def test_numbers(host: str) -> None:
    """Numbers that the system takes for an address of this machine are refused as that."""
    with pytest.raises(RefusedError, match='private address'):
        Outbound([]).post(f'https://{host}/', b'', {})


@pytest.mark.parametrize('url', ['http://hooks.example/', 'https://hooks.example:8443/'])
def test_public_port(url: str) -> None:
    """On the internet, only https on its port is spoken."""
    with pytest.raises(RefusedError, match='only https on port 443'):
        sender('1.1.1.1').post(url, b'', {})


@pytest.mark.parametrize(
    'url',
    [
        *('', 'hooks.example', 'ftp://hooks.example/', 'file:///etc/passwd', 'https://'),
        *('https://u:p@hooks.example/', 'https://hooks.example/#a', 'https://hooks.example/ a'),
        *('https://hooks.example:x/', 'https://hooks.example/\r\nX: y', 'https://hööks.example/'),
    ],
)
def test_no_url(url: str) -> None:
    """What is no plain URL is refused."""
    with pytest.raises(RefusedError):
        sender('1.1.1.1').post(url, b'', {})


def test_resolved_once(receiver: Receiver) -> None:
    """The connection goes to the address that was checked, whatever the name says later."""
    answers = [['127.0.0.1'], ['10.0.0.1']]
    sending = Outbound(LOOPBACK, lambda host, port: answers.pop(0))
    assert sending.post(f'http://rebinding.example:{receiver.port}/', b'', {}).status == 204
    assert answers == [['10.0.0.1']]


def test_redirect(receiver: Receiver) -> None:
    """A redirect is an answer as any other one: it is not followed."""
    receiver.reply = lambda call: Reply(302, {'Location': f'{receiver.url}/other'})
    assert Outbound(LOOPBACK).post(receiver.url, b'', {}).status == 302
    assert len(receiver.calls) == 1


def test_proxy(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy of the environment is used."""
    monkeypatch.setenv('http_proxy', 'http://127.0.0.1:9')
    assert Outbound(LOOPBACK).post(receiver.url, b'', {}).status == 204


def test_silent(receiver: Receiver) -> None:
    """Who does not answer in time has not answered."""
    released = threading.Event()
    receiver.reply = lambda call: Reply(released=released)
    with pytest.raises(OutboundError, match=r'127\.0\.0\.1 did not answer in time'):
        Outbound(LOOPBACK).post(receiver.url, b'', {}, seconds=0.2)
    released.set()


def test_slow() -> None:
    """Who sends a byte now and then has not answered in time either."""
    with socket.create_server(('127.0.0.1', 0)) as server:
        ended = threading.Event()

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b'HTTP/1.1 200 OK\r\n')
                while not ended.wait(0.05):
                    try:
                        connection.sendall(b'X')
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        url = f'http://127.0.0.1:{server.getsockname()[1]}/'
        try:
            with pytest.raises(OutboundError, match='in time'):
                Outbound(LOOPBACK).post(url, b'', {}, seconds=0.5)
        finally:
            ended.set()
            thread.join()


def test_nobody() -> None:
    """Where nobody listens, the error names the host and nothing else of the URL."""
    with socket.create_server(('127.0.0.1', 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(OutboundError) as caught:
        Outbound(LOOPBACK).post(f'http://127.0.0.1:{port}/secret', b'', {})
    assert '127.0.0.1' in str(caught.value)
    assert 'secret' not in str(caught.value)


def test_no_http() -> None:
    """An answer that is no HTTP is told as none."""
    with socket.create_server(('127.0.0.1', 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b'220 mail.example ready\r\n')

        thread = threading.Thread(target=answer)
        thread.start()
        url = f'http://127.0.0.1:{server.getsockname()[1]}/'
        with pytest.raises(OutboundError):
            Outbound(LOOPBACK).post(url, b'', {})
        thread.join()


def test_tls(tmp_path: Path) -> None:
    """TLS asks for the host by its name, and insists on a certificate for that name."""
    file = certified(tmp_path, 'hooks.example')
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(file)
    trusting = ssl.create_default_context(cafile=str(file))
    with receiving() as receiver:
        server = receiver._server
        server.socket = serving.wrap_socket(server.socket, server_side=True)
        sending = Outbound(LOOPBACK, lambda host, port: ['127.0.0.1'], trusting)
        assert sending.post(f'https://hooks.example:{receiver.port}/', b'', {}).status == 204
        for wrong in ('other.example', '127.0.0.1'):
            with pytest.raises(OutboundError, match='cannot be trusted'):
                sending.post(f'https://{wrong}:{receiver.port}/', b'', {})
        with pytest.raises(OutboundError, match='cannot be trusted'):
            Outbound(LOOPBACK, lambda host, port: ['127.0.0.1']).post(
                f'https://hooks.example:{receiver.port}/', b'', {}
            )


def test_resolve() -> None:
    """Addresses are resolved by the system, each once."""
    assert '127.0.0.1' in outbound.resolve('localhost', 443)
