"""A service that answers what a test says, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """What is answered: JSON, or bytes as they are."""

    body: Any = field(default_factory=dict)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Asked:
    """What was asked."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.content)


def problem(status: int, detail: str, kind: str = '', **more: Any) -> Answer:
    """Return an error as the service has it."""
    named = {'type': f'/docs/errors#{kind}'} if kind else {}
    body = {'title': 'Problem', 'status': status, 'detail': detail, **named, **more}
    return Answer(body, status)


class FakeService:
    """Answers on a port of loopback.

    asked: what it was asked so far, in turn.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Asked] = []
        self._answers: dict[tuple[str, str], list[Answer]] = {}

    def on(self, method: str, path: str, *answers: Answer | dict[str, Any]) -> None:
        """Answer so from now on, in turn; what comes after the last gets that again."""
        given = [each if isinstance(each, Answer) else Answer(each) for each in answers]
        self._answers[method, path] = given

    def paths(self, method: str = 'GET') -> list[str]:
        """Return what was asked for by a method."""
        return [each.path for each in self.asked if each.method == method]

    def answer(self, asked: Asked) -> Answer:
        """Return what is answered; the query says nothing about it."""
        self.asked.append(asked)
        answers = self._answers.get((asked.method, asked.path))
        if not answers:
            return problem(
                404, f'The test has nothing at {asked.method} {asked.path}.', 'not-found'
            )
        return answers.pop(0) if len(answers) > 1 else answers[0]


@contextmanager
def fake_service() -> Iterator[FakeService]:
    """Serve until the end of the body."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = 'HTTP/1.1'
        # Head and body go in one packet: the second would wait for the first's acknowledgement.
        wbufsize = 65536

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65536)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            parts = urlsplit(self.path)
            content = self.rfile.read(int(self.headers.get('Content-Length', 0)))
            asked = Asked(
                self.command, parts.path, parts.query, dict(self.headers.items()), content
            )
            answer = service.answer(asked)
            self.send_response(answer.status)
            headers = {'Content-Length': str(len(answer.content)), **answer.headers}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.content)
            self.wfile.flush()

        def log_message(self, format: str, *args: Any) -> None:
            """Be quiet."""

    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.daemon_threads = True
    service = FakeService(f'http://127.0.0.1:{server.server_port}')
    thread = threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.01})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
