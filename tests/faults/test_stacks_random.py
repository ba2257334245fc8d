"""Whatever people ask for, and whatever dies meanwhile: all that was acknowledged ends rightly."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.faults.conftest import Rounds
from tests.faults.held import await_that
from tests.faults.lasting import Lasting, lasting
from tests.platform import Client, inputs

STACKS, CLIENTS = 10, 4
FILES = 'abcd'
# Seconds that clients and kills go on in each round, and between two kills.
ROUND, PAUSE = 6.0, 1.0
VICTIMS = ['worker', 'service', 'engine', 'host', 'program', 'provider']
# What a client may be told: done, not now, not there, changed meanwhile.
EXPECTED = {200, 202, 404, 409, 503}


@pytest.mark.slow
def test_random_kills_of_stacks(
    tmp_path: Path, rounds: Rounds, seed: int, record_property: Callable[[str, object], None]
) -> None:
    """Clients do whatever they like while random processes are killed, round after round."""
    count = 0
    with lasting(tmp_path) as here:
        for number in range(rounds(1, 30)):
            count += len(one_round(here, random.Random(f'{seed} {number}')))
        here.end()
    record_property('notes', f'{count} runs')


def one_round(here: Lasting, chance: random.Random) -> list[str]:
    """Have clients and kills go on for a while; return what was acknowledged, all of it true."""
    over = threading.Event()
    acknowledged: list[str] = []
    with ThreadPoolExecutor(CLIENTS) as pool:
        seeds = [chance.random() for _ in range(CLIENTS)]
        clients = [pool.submit(ask, here, random.Random(each), over) for each in seeds]
        try:
            strike_at_random(here, chance)
        finally:
            over.set()
        for client in clients:
            acknowledged += client.result()
    here.assert_ended(*acknowledged)
    make_whole(here)
    here.assert_files()
    return acknowledged


def strike_at_random(here: Lasting, chance: random.Random) -> None:
    ends_at = time.monotonic() + ROUND
    while time.monotonic() < ends_at:
        time.sleep(chance.uniform(0, 2 * PAUSE))
        here.strike(chance.choice(VICTIMS))


def ask(here: Lasting, chance: random.Random, over: threading.Event) -> list[str]:
    """Be a client until it is over; return the runs that were acknowledged."""
    acknowledged: list[str] = []
    while not over.is_set():
        try:
            answer = ask_once(Client(here.site.service.url), chance)
        except requests.RequestException:
            over.wait(0.1)  # as long as the service is dead
            continue
        assert answer.status_code in EXPECTED, answer.text
        if answer.status_code in (200, 202):
            acknowledged.append(answer.json()['id'])
        over.wait(chance.uniform(0, 0.3))
    return acknowledged


def ask_once(client: Client, chance: random.Random) -> requests.Response:
    name = f'stack-{chance.randrange(STACKS)}'
    operation = chance.choice(['create', 'update', 'update', 'preview', 'refresh', 'destroy'])
    given = {'names': sorted(chance.sample(FILES, 2)), 'text': chance.choice(['one', 'two'])}
    if operation == 'create':
        body: dict[str, Any] = {'program': 'files', 'name': name, 'inputs': inputs() | given}
        return client.call('POST', '/stacks', json=body)
    if operation == 'destroy':
        return client.call('DELETE', f'/stacks/{name}?queue=true')
    body = {'operation': operation, 'queue': chance.random() < 0.5}
    body |= {'accept': chance.random() < 0.5} if operation == 'refresh' else {'inputs': given}
    return client.call('POST', f'/stacks/{name}/runs', json=body)


def make_whole(here: Lasting) -> None:
    """Update what is not ready, as a person would; what is ready must be so already."""
    await_that(here.is_up)
    for stack in here.client.get('/stacks?limit=200')['items']:
        if stack['state'] != 'ready':
            here.client.done(here.client.start(stack['name'], 'update'))
