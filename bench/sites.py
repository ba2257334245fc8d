"""Static sites: from a POST to the page that is served, against the steps of the example."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import requests

import engine
from bench.lasting import Plain, Platform
from bench.timing import Sample
from tests.object_store import Store, page
from tests.service import Service

PROGRAM = 'static-site'
PATIENCE = 120.0
# The slow way once for so many of ours.
PER_ROUND = 5


def measure(service: Service, folder: Path, found: engine.Engine, rounds: int) -> dict[str, Any]:
    """Time the making of a site, both ways in turn, on the same program and object store."""
    Platform(service).wait_until_up()
    samples = {'service': Sample(), 'plain': Sample()}
    over_http(service, 'warm-up')  # It makes the program's venv, and starts the object store.
    remove(service, 'warm-up')
    by_hand = Plain(
        folder / 'plain-sites',
        folder / 'service' / 'programs' / PROGRAM,
        found,
        **variables(Store(service.state)),
    )
    for number in range(rounds):
        name = f'plain-{number}'
        samples['plain'].measure(functools.partial(plainly, by_hand, name))
        by_hand.destroy(name)
        for each in range(PER_ROUND):
            name = f'site-{number}-{each}'
            samples['service'].measure(functools.partial(over_http, service, name))
            remove(service, name)
    return {name: sample.summary() for name, sample in samples.items()}


def over_http(service: Service, name: str) -> None:
    """Make a site by the service, and get its page."""
    body = {'id': name, 'content': name}
    answer = requests.post(f'{service.url}/sites', json=body, timeout=PATIENCE)
    answer.raise_for_status()
    insist_on(answer.json()['url'], name)


def remove(service: Service, name: str) -> None:
    """Remove a site."""
    requests.delete(f'{service.url}/sites/{name}', timeout=PATIENCE).raise_for_status()


def plainly(by_hand: Plain, name: str) -> None:
    """Make a site by hand, and get its page."""
    result = by_hand.create(name, content=name)
    insist_on(result.outputs['website_url'].value, name)


def insist_on(url: str, content: str) -> None:
    """Raise RuntimeError unless the page is served."""
    found = page(url)
    if (found.status_code, found.text) != (200, content):
        raise RuntimeError(f'{url} does not serve its page: {found.status_code}')


def variables(store: Store) -> dict[str, str]:
    """Return what the program finds the service's own object store by."""
    port, website_port = store.ports
    return {
        'S3_ENDPOINT': f'http://127.0.0.1:{port}',
        'S3_REGION': 'us-east-1',
        'S3_ACCESS_KEY': 'service',
        'S3_SECRET_KEY': store.secret_key,
        'S3_WEBSITE': f'{{bucket}}.localhost:{website_port}',
    }
