"""Clients of a web service that send one request after another, and what they got to see."""

from __future__ import annotations

import http.client
import json
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from urllib.parse import urlsplit

PATIENCE = 120.0


@dataclass(frozen=True)
class Answer:
    """When a request was sent, how long it took, and which process has answered it."""

    sent_at: float
    seconds: float
    worker: int


class Traffic:
    """Some clients at once, as a block in which they send requests."""

    def __init__(self, url: str, clients: int = 8, pause: float = 0.0) -> None:
        """Send nothing yet. pause: seconds of a client between an answer and its next request."""
        self._address = urlsplit(url).netloc
        self._clients = [threading.Thread(target=self._send_all) for _ in range(clients)]
        self._pause = pause
        self._over = threading.Event()
        self._changed = threading.Condition()
        self.answers: list[Answer] = []
        self.failures: list[str] = []

    def __enter__(self) -> Traffic:
        for each in self._clients:
            each.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        for each in self._clients:
            each.join()

    def next(self, count: int) -> list[Answer]:
        """Return as many further answers as they come."""
        with self._changed:
            begin = len(self.answers)
            came = self._changed.wait_for(lambda: len(self.answers) >= begin + count, PATIENCE)
            assert came, self.failures
            return self.answers[begin : begin + count]

    def rate(self, count: int) -> float:
        """Return how many answers come in a second, by as many further ones."""
        begun = time.monotonic()
        self.next(count)
        return count / (time.monotonic() - begun)

    def _send_all(self) -> None:
        while not self._over.wait(self._pause):
            sent_at = time.monotonic()
            try:
                worker = self._send()
            except (OSError, http.client.HTTPException, AssertionError) as error:
                self.failures.append(repr(error))
            else:
                with self._changed:
                    self.answers.append(Answer(sent_at, time.monotonic() - sent_at, worker))
                    self._changed.notify_all()

    def _send(self) -> int:
        connection = http.client.HTTPConnection(self._address, timeout=PATIENCE)
        try:
            connection.request('GET', '/')
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200, body
            return int(json.loads(body)['worker'])
        finally:
            connection.close()
