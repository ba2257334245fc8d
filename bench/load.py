"""Requests against a running service: how many a second, how long each, how it grows."""

from __future__ import annotations

import functools
import stat
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import requests

from bench.timing import Sample
from settings import Settings
from tests import processes
from tests.service import Service

KINDS = ('id', 'uuid', 'string')
# So that several engines are replaced on the way.
CYCLES = 5000
GROWTH_WINDOW = 200
RUNS_PER_HISTORY = Settings().runs_per_history

# Starts a service, and ends it with the context.
Start = Callable[[], AbstractContextManager[Service]]


@dataclass
class Load:
    """What a number of clients saw, each sending one request after another."""

    concurrency: int
    wall: float = 0.0
    latencies: Sample = field(default_factory=Sample)
    errors: int = 0

    def summary(self) -> dict[str, float]:
        return {
            'concurrency': self.concurrency,
            'cycles': len(self.latencies.seconds),
            'cycles_per_second': len(self.latencies.seconds) / self.wall,
            'p50': self.latencies.quantile(0.50),
            'p95': self.latencies.quantile(0.95),
            'errors': self.errors,
        }


def get(session: requests.Session, service: Service, number: int) -> bool:
    """Send one request; tell whether it was answered with a value."""
    answer = session.get(f'{service.url}/{KINDS[number % len(KINDS)]}', timeout=120)
    return answer.status_code == 200


def throughput(service: Service, concurrency: int, seconds: float) -> Load:
    """Let `concurrency` clients send requests for `seconds`."""
    load = Load(concurrency)
    lock = threading.Lock()
    started = time.perf_counter()

    def client(number: int) -> None:
        with requests.Session() as session:
            while time.perf_counter() - started < seconds:
                sent = time.perf_counter()
                succeeded = get(session, service, number)
                with lock:
                    load.latencies.seconds.append(time.perf_counter() - sent)
                    load.errors += not succeeded

    with ThreadPoolExecutor(concurrency) as pool:
        list(pool.map(client, range(concurrency)))
    load.wall = time.perf_counter() - started
    return load


def growth(start: Start, cycles: int, say: Callable[[str], object]) -> dict[str, object]:
    """Run `cycles` requests one after another; compare the beginning with the end.

    The speed of a machine changes within minutes. So the last window is run in turn with the first
    one of a service that was just started.
    """
    with start() as old, start() as fresh, requests.Session() as session:
        windows = [Window(old) for _ in range(cycles // GROWTH_WINDOW)]
        for number, window in enumerate(windows[:-1], start=1):
            window.run(session)
            say(f'  {number * GROWTH_WINDOW} of {cycles} cycles: {window.summary()}')
        beside = Window(fresh)
        windows[-1].run(session, beside)
    # The first request has the slot start.
    seconds = [each for window in windows[:-1] for each in window.sample.seconds][1:]
    return {
        'cycles': cycles,
        'tail': tail(Sample(seconds)),
        'errors': sum(window.errors for window in [*windows, beside]),
        'first': windows[0].summary(),
        'second': windows[1].summary(),
        'last': windows[-1].summary(),
        'fresh': beside.summary(),
        'last_to_fresh': windows[-1].sample.median / beside.sample.median,
    }


def tail(sample: Sample) -> dict[str, float]:
    """Return how late the latest answers are."""
    quantiles = {'p50': 0.5, 'p99': 0.99, 'p999': 0.999, 'max': 1.0}
    return {
        'requests': len(sample.seconds),
        **{name: sample.quantile(share) for name, share in quantiles.items()},
    }


@dataclass
class Window:
    """Some cycles of a service in a row, and the largest that it was meanwhile."""

    service: Service
    sample: Sample = field(default_factory=Sample)
    errors: int = 0
    footprint: dict[str, float] = field(default_factory=dict)

    def run(self, session: requests.Session, beside: Window | None = None) -> None:
        """Run all cycles of the window, each followed by one of `beside`."""
        for number in range(1, GROWTH_WINDOW + 1):
            for window in (self, beside) if beside else (self,):
                window.cycle(session, number)

    def cycle(self, session: requests.Session, number: int) -> None:
        sent = functools.partial(get, session, self.service, number)
        self.errors += not self.sample.measure(sent)
        # The largest is just before a slot's history is dropped; while it is, files come and go.
        if number % RUNS_PER_HISTORY == RUNS_PER_HISTORY - 1:
            for name, value in footprint(self.service).items():
                self.footprint[name] = max(value, self.footprint.get(name, 0))

    def summary(self) -> dict[str, float]:
        return {**self.sample.summary(), **self.footprint}


def footprint(service: Service) -> dict[str, float]:
    """Return the files and bytes of the service's state, and the memory of its processes."""
    sizes = [size for path in service.state.rglob('*') if (size := file_size(path)) is not None]
    pids = [service.process.pid, *processes.descendants(service.process.pid)]
    return {
        'files': len(sizes),
        'state_mb': sum(sizes) / 1e6,
        'memory_mb': sum(processes.resident(pid) for pid in pids) / 1e6,
    }


def file_size(path: Path) -> int | None:
    """Return the bytes of a file; None of anything else, and of what is gone by now."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None
