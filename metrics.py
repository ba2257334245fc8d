"""What Prometheus can read of this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

RUNS = Counter('runs', 'Runs by route and outcome.', ['route', 'outcome'], registry=REGISTRY)
STEPS = Histogram(
    'step_seconds',
    'How long each step of a run took.',
    ['step'],
    registry=REGISTRY,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
SLOTS_FREE = Gauge('slots_free', 'Slots that a request could take now.', registry=REGISTRY)
QUEUE_LENGTH = Gauge('queue_length', 'Requests that wait for a slot.', registry=REGISTRY)
OPERATIONS = Counter(
    'operations', 'Runs of stacks that last.', ['operation', 'outcome'], registry=REGISTRY
)
TRIGGERS = Counter(
    'triggers', 'Calls from elsewhere by outcome.', ['source', 'outcome'], registry=REGISTRY
)
RECOVERIES = Counter('recoveries', 'Recovered slots by outcome.', ['outcome'], registry=REGISTRY)


@contextmanager
def counted_outcome(counter: Counter, **labels: str) -> Iterator[None]:
    """Count the end of the body under its outcome: `succeeded`, or the class of its error.

    labels: the counter's other labels.
    """
    outcome = 'succeeded'
    try:
        yield
    except BaseException as error:
        outcome = type(error).__name__
        raise
    finally:
        counter.labels(**labels, outcome=outcome).inc()
