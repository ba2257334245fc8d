"""An issuer of pipelines' tokens, as GitHub and GitLab are, but a test's own."""

from __future__ import annotations

import functools
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

AUDIENCE = 'https://infra.example.com'
GITHUB = {
    'sub': 'repo:octo@456/shop@123:ref:refs/heads/main',
    'repository': 'octo/shop',
    'repository_id': '123',
    'repository_owner_id': '456',
    'workflow_ref': 'octo/shop/.github/workflows/deploy.yml@refs/heads/main',
    'job_workflow_ref': 'octo/shop/.github/workflows/deploy.yml@refs/heads/main',
    'ref': 'refs/heads/main',
    'event_name': 'push',
    'run_id': '777',
    'sha': 'ab' * 20,
    'actor': 'mona',
}
GITLAB = {
    'sub': 'project_path:octo/shop:ref_type:branch:ref:main',
    'project_path': 'octo/shop',
    'project_id': '12',
    'namespace_id': '34',
    'ref': 'main',
    'ref_type': 'branch',
    'ref_protected': 'true',
    'pipeline_source': 'push',
    'pipeline_id': '888',
    'sha': 'cd' * 20,
    'user_login': 'mona',
}
TRUST = """
[[trust]]
name = "shop-deploy"
issuer = "github"
role = "user"
repository_id = "123"
repository_owner_id = "456"
workflow_ref = "octo/shop/.github/workflows/deploy.yml@refs/heads/main"
ref = "refs/heads/main"
"""
TRUST_OF_GITLAB = """
[[trust]]
name = "shop-gitlab"
issuer = "gitlab"
role = "user"
project_id = "12"
namespace_id = "34"
ref = "main"
"""


@functools.cache
def private_key(number: int) -> rsa.RSAPrivateKey:
    """Return a key; by number, as they take long to make."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_set(*numbers: int) -> dict[str, Any]:
    """Return public keys as an issuer publishes them."""
    keys = []
    for number in numbers or (0,):
        found = json.loads(RSAAlgorithm.to_jwk(private_key(number).public_key()))
        keys.append({**found, 'kid': f'key-{number}', 'alg': 'RS256', 'use': 'sig'})
    return {'keys': keys}


class Issuer:
    """Makes tokens, and publishes its keys; url: what they have in `iss`.

    claims: of each token that a pipeline asks for, beside the audience that it wants.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.claims: dict[str, Any] = dict(GITHUB)
        self.request_token = 'planted-request-token'
        self._made = 0

    def token(self, claims: dict[str, Any] | None = None, **given: Any) -> str:
        """Return a token; given: claims, None for one that is left out."""
        self._made += 1
        moment = int(time.time())
        usual = {
            'iss': self.url,
            'aud': AUDIENCE,
            'jti': f'{self.url}-{moment}-{self._made}',
            'iat': moment,
            'nbf': moment,
            'exp': moment + 300,
            **(self.claims if claims is None else claims),
        }
        said = {name: value for name, value in {**usual, **given}.items() if value is not None}
        return jwt.encode(said, private_key(0), 'RS256', {'kid': 'key-0'})


@contextmanager
def issuing() -> Iterator[Issuer]:
    """Serve an issuer on loopback: its keys, and what GitHub gives its jobs tokens by."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == '/keys':
                self._answer(public_set())
            elif self.headers.get('Authorization') != f'Bearer {issuer.request_token}':
                self.send_error(401)
            else:
                wanted = parse_qs(parts.query)['audience'][0]
                self._answer({'value': issuer.token(aud=wanted)})

        def _answer(self, said: Any) -> None:
            body = json.dumps(said).encode()
            self.send_response(200)
            self.send_header('Content-Type', 'application/json')
            self.send_header('Content-Length', str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    issuer = Issuer(f'http://127.0.0.1:{server.server_port}')
    thread = threading.Thread(target=server.serve_forever, args=[0.05], daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
