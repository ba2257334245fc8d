"""The program of certificate authorities: what it signs secures real connections."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.platform import Client
from tests.service import Service, serving

HOST = 'web.example.org'


@pytest.fixture(scope='module')
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp('authority')) as found:
        Client(found.url).wait_until_up()
        yield found


@pytest.fixture
def client(service: Service) -> Client:
    return Client(service.url)


class Asker:
    """Somebody who has a key of his own, and asks for a certificate."""

    def __init__(self, *hosts: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, 'web')])
        request = x509.CertificateSigningRequestBuilder().subject_name(subject)
        if hosts:
            names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
            request = request.add_extension(names, critical=False)
        signed = request.sign(self._key, hashes.SHA256())
        self.request = signed.public_bytes(serialization.Encoding.PEM).decode()

    def chain(self, folder: Path, certificate: str) -> Path:
        """Write a certificate and its key into a file."""
        file = folder / 'chain.pem'
        key = self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        file.write_bytes(certificate.encode() + key)
        return file


def order(client: Client, name: str, **requests: str) -> dict[str, Any]:
    """Make an authority that signs requests, and return its outputs."""
    inputs = {'organisation': 'Bäckerei 日本語日本語日本語日本語', 'requests': requests}
    client.done(client.create(name, inputs, program='authority'))
    return dict(client.get(f'/stacks/{name}/outputs'))


def test_secures_connections(client: Client, tmp_path: Path) -> None:
    """Who trusts the authority is sure of the host whose request it has signed, and of no other."""
    asker = Asker(HOST)
    outputs = order(client, 'signing', web=asker.request)
    with tls_server(asker.chain(tmp_path, outputs['certificates']['web'])) as port:
        assert greeting(port, outputs['authority'], HOST) == b'hello'
        with pytest.raises(ssl.SSLCertVerificationError, match='Hostname mismatch'):
            greeting(port, outputs['authority'], 'other.example.org')
        stranger = order(client, 'stranger')
        with pytest.raises(ssl.SSLCertVerificationError, match='verify failed'):
            greeting(port, stranger['authority'], HOST)
    for name in ('signing', 'stranger'):
        client.done(client.destroy(name))


def test_changes(client: Client) -> None:
    """Requests come and go while the authority, and what it has signed for others, stay."""
    first, second = Asker('a.example.org'), Asker('b.example.org')
    before = order(client, 'changing', first=first.request)
    both = {'requests': {'first': first.request, 'second': second.request}}
    done = client.done(client.start('changing', 'update', inputs=both))
    assert done['changes'] == {'same': 2, 'create': 1}
    after = client.get('/stacks/changing/outputs')
    assert after['authority'] == before['authority']
    assert after['certificates']['first'] == before['certificates']['first']
    done = client.done(client.start('changing', 'update', inputs={'days': 30}))
    assert done['changes'] == {'same': 1, 'update': 2}
    assert (
        client.get('/stacks/changing/outputs')['certificates']['first']
        != (before['certificates']['first'])
    )
    client.done(client.destroy('changing'))


def test_key_stays_secret(client: Client, service: Service) -> None:
    """The authority's key is in no file, answer or log in clear."""
    order(client, 'keeping', web=Asker(HOST).request)
    run = client.get('/stacks/keeping')['last_run']
    told = [client.call('GET', f'/{path}').text for path in ('stacks/keeping', f'runs/{run}')]
    kept = [path for path in service.state.rglob('*') if path.is_file()]
    marks = (b'BEGIN PRIVATE KEY', b'BEGIN EC PRIVATE KEY')
    assert not [path for path in kept if any(mark in path.read_bytes() for mark in marks)]
    assert not [text for text in told if 'PRIVATE KEY' in text]
    client.done(client.destroy('keeping'))


@pytest.mark.parametrize(
    ('request_', 'said'),
    [
        ('nothing', 'This is no certificate signing request'),
        (Asker().request, 'names no host'),
    ],
    ids=['no request', 'no name'],
)
def test_requests_that_cannot_be_signed(client: Client, request_: str, said: str) -> None:
    """What cannot be signed is told in words, by the name of the request."""
    inputs = {'organisation': 'Team Web', 'requests': {'web': request_}}
    run = client.ended(client.create('refused', inputs, program='authority'))
    assert run['state'] == 'failed'
    assert run['error']['resource'] == 'web'
    assert said in run['error']['message']
    client.done(client.destroy('refused'))


@contextmanager
def tls_server(chain: Path) -> Iterator[int]:
    """Greet whoever connects by TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    listener = socket.create_server(('127.0.0.1', 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(connection, server_side=True) as secured:
                    secured.sendall(b'hello')
            except OSError:  # The client does not trust it.
                connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def greeting(port: int, authority: str, host: str) -> bytes:
    """Return what a server says to somebody who trusts an authority."""
    context = ssl.create_default_context(cadata=authority)
    with (
        socket.create_connection(('127.0.0.1', port), timeout=10) as connection,
        context.wrap_socket(connection, server_hostname=host) as secured,
    ):
        return secured.recv(100)
