"""The same thing asked for many times, and two services where there should be one."""

from __future__ import annotations

import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.faults.lasting import Lasting, kill, lasting
from tests.platform import Client, inputs

AT_ONCE = 20
KEY = {'Idempotency-Key': 'the-only-one'}


def create(url: str, name: str) -> dict[str, Any]:
    body = {'program': 'files', 'name': name, 'inputs': inputs('a')}
    return Client(url).order('POST', '/stacks', body, **KEY)


def test_the_same_key_at_once(tmp_path: Path) -> None:
    """Twenty requests at once with one Idempotency-Key are one run of one stack."""
    with lasting(tmp_path) as here:
        url = here.site.service.url
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = list(pool.map(lambda _: create(url, 'web'), range(AT_ONCE)))
        assert len({run['id'] for run in found}) == 1
        here.client.done(found[0])
        assert [run['id'] for run in here.all_runs()] == [found[0]['id']]
        assert here.done() == ['create stack.web-a']
        here.assert_files()
        here.end()


@pytest.mark.slow
def test_the_same_key_while_the_service_is_killed(tmp_path: Path) -> None:
    """Requests with one key, some of them cut off by a kill and sent again, are one run."""
    with lasting(tmp_path) as here:
        url = here.site.service.url
        acknowledged: list[str] = []

        def send(_: int) -> None:
            with suppress(requests.RequestException, AssertionError):
                acknowledged.append(create(url, 'web')['id'])

        with ThreadPoolExecutor(AT_ONCE) as pool:
            sent = [pool.submit(send, number) for number in range(AT_ONCE)]
            time.sleep(0.05)  # in the middle of them
            here.restart()
            assert len(sent) == AT_ONCE
        again = create(here.site.service.url, 'web')
        assert set(acknowledged) <= {again['id']}
        here.assert_ended(again['id'])
        here.client.done(again)
        assert len(here.all_runs()) == 1
        here.assert_files()
        here.end()


@pytest.mark.slow
def test_frozen_service(tmp_path: Path, mode: str) -> None:
    """A frozen service keeps its runs, though another one works on the same state meanwhile."""
    with lasting(tmp_path, ENGINE=mode, WORKERS='1') as here, lasting(tmp_path) as other:
        slow, others = freeze_in_mid_update(here, other)
        here.assert_ended(slow['id'], *(run['id'] for run in others))
        for run in (slow, *others):
            now = here.client.done(run)
            assert now['attempts'] == 1, here.client.log(run)
        assert Counter(here.done()).most_common(1)[0][1] == 1, 'nothing was done twice'
        here.assert_files()
        assert other.stop() == 0
        here.end()


def freeze_in_mid_update(
    here: Lasting, other: Lasting
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Stop the service that does a run, and have the other one do what else there is."""
    with here.held():
        slow = here.client.create('slow', inputs('a'))
        here.wait_until_held('create')
        # Of the two, whoever took the run.
        [owner] = [each for each in (here, other) if each.pids('program')]
        rest = other if owner is here else here
        frozen = owner.pids('worker')
        for pid in frozen:
            kill(pid, signal.SIGSTOP)
    try:
        runs = [rest.client.create(f'other-{n}', inputs('b')) for n in range(3)]
        for run in runs:
            rest.client.done(run)
        queued = rest.client.start('slow', 'update', inputs={'text': 'new'}, queue=True)
        time.sleep(4)  # long enough for four looks at who is dead
        assert rest.client.get(f'/runs/{queued["id"]}')['state'] == 'queued'
    finally:
        for pid in frozen:
            kill(pid, signal.SIGCONT)
        # What was connected to it meanwhile may be taken for silent.
        owner.site.client = Client(owner.site.service.url)
    return slow, [*runs, queued]
