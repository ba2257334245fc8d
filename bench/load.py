"""Requests against a running service: how many a second, how long each, how it grows."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import requests

from bench.timing import Sample
from tests import processes
from tests.service import Service

KINDS = ('id', 'uuid', 'string')
GROWTH_WINDOW = 200


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


def footprint(service: Service) -> dict[str, float]:
    """Return the files and bytes of the service's state, and the memory of its processes."""
    files = [path for path in service.state.rglob('*') if path.is_file() and not path.is_symlink()]
    pids = [service.process.pid, *processes.descendants(service.process.pid)]
    return {
        'files': len(files),
        'state_mb': sum(path.stat().st_size for path in files) / 1e6,
        'memory_mb': sum(processes.resident(pid) for pid in pids) / 1e6,
    }


def growth(service: Service, cycles: int, say: Callable[[str], object]) -> dict[str, object]:
    """Run `cycles` requests one after another; compare the beginning with the end."""
    sample, errors = Sample(), 0
    marks = {}
    with requests.Session() as session:
        for number in range(1, cycles + 1):
            errors += not sample.measure(functools.partial(get, session, service, number))
            if number in (GROWTH_WINDOW, cycles):
                marks[number] = footprint(service)
                say(f'  {number} of {cycles} cycles: {marks[number]}')
    first = Sample(sample.seconds[:GROWTH_WINDOW]).summary()
    last = Sample(sample.seconds[-GROWTH_WINDOW:]).summary()
    return {
        'cycles': cycles,
        'errors': errors,
        'first': {**first, **marks[GROWTH_WINDOW]},
        'last': {**last, **marks[cycles]},
        'last_to_first': last['median'] / first['median'],
    }
