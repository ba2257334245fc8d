"""The small web service that a pool's workers are: an answer, figures of the work, health."""

import hashlib
import json
import os
import time
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest, values
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

# Seconds of an answer that waits; and rounds of hashing that take about as long.
WAIT, ROUNDS = 0.05, 60_000
BUCKETS = (0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Worker:
    """Which of the workers this process is, and where their requests come in."""

    number = 'master'
    listeners = ()


# Files of figures are by a worker's number: by process there would be more with each new one.
values.ValueClass = values.MultiProcessValue(lambda: Worker.number)
SECONDS = Histogram('capacity_request_seconds', 'Seconds that answers took', buckets=BUCKETS)
IN_PROGRESS = Gauge(
    'capacity_requests_in_progress', 'Requests being answered', multiprocess_mode='livesum'
)
WORKERS = Gauge('capacity_workers', 'Worker processes', multiprocess_mode='livesum')


class Waiting:
    """How many requests the kernel has for the next worker that is free."""

    def collect(self):
        """Return it as Prometheus has it."""
        waiting = sum(each.get_backlog() for each in Worker.listeners)
        yield GaugeMetricFamily(
            'capacity_requests_waiting', 'Requests that wait for a worker', value=waiting
        )


def begin(number, listeners):
    """Be one of the workers."""
    Worker.number, Worker.listeners = f'worker{number}', listeners
    WORKERS.set(1)
    # Of one of this number that was killed.
    IN_PROGRESS.set(0)


def forget(number):
    """Have a worker that has ended be none."""
    mark_process_dead(f'worker{number}')


def wait():
    """Take the time of a service that waits for another one."""
    time.sleep(WAIT)


def compute():
    """Take the time of a service that computes."""
    hashlib.pbkdf2_hmac('sha256', b'capacity', b'capacity', ROUNDS)


def hello():
    """Take no time."""


HANDLERS = {'wait': wait, 'compute': compute, 'hello': hello}
HANDLER = json.loads(Path('pool.json').read_text())['handler']
POOL = Path.cwd().name


def answer():
    """Return the answer that all of this is for."""
    with IN_PROGRESS.track_inprogress(), SECONDS.time():
        HANDLERS[HANDLER]()
    return _json(handler=HANDLER, worker=os.getpid())


def health():
    """Return that this pool answers."""
    return _json(pool=POOL, worker=os.getpid())


def metrics():
    """Return the figures of all workers, for Prometheus."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    registry.register(Waiting())
    return CONTENT_TYPE_LATEST, generate_latest(registry)


ROUTES = {'/healthz': health, '/metrics': metrics}


def application(environ, start_response):
    """Answer a request (PEP 3333)."""
    kind, body = ROUTES.get(environ['PATH_INFO'], answer)()
    start_response('200 OK', [('Content-Type', kind), ('Content-Length', str(len(body)))])
    return [body]


def _json(**found):
    return 'application/json', json.dumps(found).encode() + b'\n'
