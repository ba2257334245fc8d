"""The whole story of a spike: load comes, an alert is sent, workers are added, and are taken away.

Nobody in it is a stand-in: a service with a pool, Prometheus, Alertmanager, and clients.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from servers import ports
from tests import monitoring
from tests.capacity import Capacity, capacity_of
from tests.doers import await_that
from tests.monitoring import Prometheus
from tests.traffic import Answer, Traffic

STACK = 'spike'
MOST = 4
# Seconds between two looks at how many workers there are.
LOOK_EVERY = 0.2
# Clients that are always there, who keep a fifth of a worker busy; and those of the spike.
CALM, SPIKE = 2, 8
PAUSE = 0.45
# Answers of each part that are waited for: some seconds of it.
CALM_ANSWERS, SPIKE_ANSWERS = 20, 800
LATENCY = 'capacity:latency_seconds'
FIRING = 'ALERTS{alertname="TrafficSpike", alertstate="firing"}'


@dataclass
class Story:
    """What has happened, each thing at its second.

    begun: the clock at second 0. moments: what happened once. workers: how many there were.
    """

    begun: float
    moments: dict[str, float] = field(default_factory=dict)
    workers: list[tuple[float, int]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def note(self, what: str) -> None:
        """Note that something happens now, for the first time."""
        self.moments.setdefault(what, self.now())

    def now(self) -> float:
        return time.monotonic() - self.begun

    def take(self, traffic: Traffic) -> None:
        """Add what some clients got to see."""
        self.answers += traffic.answers
        self.failures += traffic.failures

    def between(self, first: str, last: str) -> list[Answer]:
        """Return the answers to requests that were sent between two moments."""
        begin, end = (self.begun + self.moments[each] for each in (first, last))
        return [each for each in self.answers if begin <= each.sent_at < end]

    @contextmanager
    def watching(self, count: Callable[[], int], prometheus: Prometheus) -> Iterator[None]:
        """Note in the body how many workers there are, and when the alert fires and does not."""
        over = threading.Event()

        def look() -> None:
            while not over.wait(LOOK_EVERY):
                self.workers.append((self.now(), count()))
                if prometheus.value(FIRING):
                    self.note('firing')
                elif 'load ends' in self.moments:
                    self.note('over')

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def play(capacity: Capacity, folder: Path, token: str, places: dict[str, str]) -> Story:
    """Let it happen, and return what was seen.

    folder: an empty one, for Prometheus and Alertmanager. token: of whoever calls the service.
    places: what is where else than the examples say, for what they call.
    """
    *others, port = ports.choose(3)
    url = capacity.create(STACK, port=port)['url']
    places = {**places, '127.0.0.1:20080': f'127.0.0.1:{port}'}

    def count() -> int:
        return len(capacity.processes(STACK)) - 1

    with monitoring.monitoring(folder, places, token, others) as prometheus:
        story = Story(time.monotonic())
        story.note('begin')
        with (
            story.watching(count, prometheus),
            Traffic(url, CALM, PAUSE) as calm,
        ):
            await_that(lambda: prometheus.value(LATENCY))
            calm.next(CALM_ANSWERS)
            with Traffic(url, SPIKE) as spike:
                story.note('load')
                await_that(lambda: count() == MOST)
                story.note('capacity')
                # It is not taken away as soon as it helps.
                spike.next(SPIKE_ANSWERS)
                story.note('load ends')
            await_that(lambda: count() == 1)
            story.note('back')
            calm.next(CALM_ANSWERS)
    story.take(calm)
    story.take(spike)
    story.note('end')
    return story


def told(folder: Path) -> Story:
    """Let it happen with a service that has the examples' rules, and return what was seen."""
    token = secrets.token_urlsafe(24)
    rules = {'TRIGGERS_FILE': str(monitoring.EXAMPLES / 'triggers.toml'), 'PROMETHEUS_TOKEN': token}
    with capacity_of(folder, **rules) as capacity:
        place = {'127.0.0.1:8000': urlsplit(capacity.service.url).netloc}
        monitored = folder / 'monitoring'
        monitored.mkdir()
        story = play(capacity, monitored, token, place)
        capacity.destroy(STACK)
        return story
