"""Pools of workers that really carry load, by the requests that clients send."""

from __future__ import annotations

import os
import re
import signal
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.capacity import Capacity, answer, capacity_of, taken_port
from tests.doers import await_that
from tests.paths import ROOT
from tests.service import serving
from tests.traffic import Traffic

# Four workers carry four times as much; on a machine that does other things as well, at times less.
MORE = 2.5
BLOCKS = re.compile(r'^```bash\n(.*?)^```$', re.MULTILINE | re.DOTALL)


@pytest.fixture(scope='module')
def capacity(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Capacity]:
    with capacity_of(tmp_path_factory.mktemp('capacity')) as found:
        yield found


def test_whole_life(capacity: Capacity) -> None:
    """A pool answers at its address, and after its end there is no process and no file of it."""
    found = capacity.create('whole')
    assert found['workers'] == 1
    assert found['url'] == f'http://127.0.0.1:{found["port"]}'
    assert answer(found['url']) == {'handler': 'wait', 'worker': capacity.workers('whole').pop()}
    assert answer(found['url'] + '/healthz')['pool'] == 'whole'
    capacity.destroy('whole')
    assert capacity.processes('whole') == set()
    assert not capacity.folder('whole').exists()
    with pytest.raises(requests.ConnectionError):
        answer(found['url'])


def test_scaling(capacity: Capacity) -> None:
    """Four workers carry more than one and answer sooner, and on the way back no request fails."""
    url = capacity.create('scaled')['url']
    with Traffic(url) as traffic:
        before = traffic.rate(40)
        slow = statistics.median(each.seconds for each in traffic.next(40))
        capacity.update('scaled', workers=4)
        # Others compute on this machine too: what it can carry shows when they let it.
        await_that(lambda: traffic.rate(80) > MORE * before)
        assert len({each.worker for each in traffic.next(80)}) == 4
        await_that(lambda: statistics.median(each.seconds for each in traffic.next(80)) < slow)
        capacity.update('scaled', workers=1)
        assert len(capacity.workers('scaled')) == 1
        assert {each.worker for each in traffic.next(40)[16:]} == capacity.workers('scaled')
    assert traffic.failures == []
    capacity.destroy('scaled')


def test_drift(capacity: Capacity) -> None:
    """Workers that somebody takes away or adds by hand are seen, and an update repairs that."""
    capacity.create('drifting', workers=3)
    assert capacity.drift('drifting') == {}
    for command in ('worker remove 1', 'worker add 2'):
        capacity.by_hand('drifting', command)
        assert capacity.drift('drifting') == {'update': 1}, command
        assert capacity.update('drifting')['changes']['update'] == 1, command
        assert len(capacity.workers('drifting')) == 3
        assert capacity.drift('drifting') == {}, command
    capacity.destroy('drifting')


def test_worker_dies(capacity: Capacity) -> None:
    """A worker that is killed is replaced at once, without anybody having to do something."""
    capacity.create('robust', workers=2)
    before = capacity.workers('robust')
    os.kill(min(before), signal.SIGKILL)
    await_that(lambda: len(capacity.workers('robust') - {min(before)}) == 2)
    assert capacity.drift('robust') == {}
    capacity.destroy('robust')


def test_pool_dies(capacity: Capacity) -> None:
    """A pool whose processes were killed is seen to be gone, and an update starts it again."""
    before = capacity.create('killed', workers=2)
    capacity.kill('killed')
    assert capacity.drift('killed') == {'delete': 1}
    capacity.update('killed', workers=2)
    assert answer(capacity.outputs('killed')['url'])
    assert len(capacity.workers('killed')) == 2
    assert capacity.outputs('killed')['port'] == before['port']
    capacity.destroy('killed')


def test_master_dies(capacity: Capacity) -> None:
    """Workers that a killed master leaves behind end with the stack."""
    capacity.create('orphaned', workers=2)
    os.kill(capacity.master('orphaned'), signal.SIGKILL)
    capacity.destroy('orphaned')
    assert capacity.processes('orphaned') == set()


def test_pool_hangs(capacity: Capacity) -> None:
    """A destroy also ends what does not listen to it."""
    capacity.create('hanging')
    for pid in capacity.processes('hanging'):
        os.kill(pid, signal.SIGSTOP)
    capacity.destroy('hanging')
    assert capacity.processes('hanging') == set()


def test_port_is_taken(capacity: Capacity) -> None:
    """A port that something else listens on is told in words, and nothing is left of the try."""
    with taken_port() as port:
        said = capacity.refused('never', port=port)
        assert f'The port {port} is in use' in said
        assert 'Traceback' not in said
        assert capacity.processes('never') == set()
    assert 'those below 1024' in capacity.refused('never', port=80)


def test_other_port_and_handler(capacity: Capacity) -> None:
    """Another port or handler makes the pool anew; a port that was only chosen for it stays."""
    before = capacity.create('moved')
    capacity.update('moved', handler='hello')
    assert answer(capacity.outputs('moved')['url'])['handler'] == 'hello'
    with taken_port() as port:
        pass
    capacity.update('moved', port=port)
    assert capacity.outputs('moved')['url'] == f'http://127.0.0.1:{port}'
    capacity.update('moved', port=0, workers=2)
    assert capacity.outputs('moved')['port'] == port
    with pytest.raises(requests.ConnectionError):
        answer(before['url'])
    capacity.destroy('moved')


def test_figures(capacity: Capacity) -> None:
    """The figures are those of all workers, also of workers that have ended since."""
    url = capacity.create('counted', workers=2)['url']
    with Traffic(url) as traffic:
        await_that(lambda: figure(url, 'capacity_requests_waiting') > 0)
        traffic.next(40)
    capacity.update('counted', workers=1)
    assert figure(url, 'capacity_request_seconds_count') == len(traffic.answers)
    assert figure(url, 'capacity_request_seconds_sum') >= 0.05 * len(traffic.answers)
    assert figure(url, 'capacity_requests_in_progress') == 0
    assert figure(url, 'capacity_requests_waiting') == 0
    assert figure(url, 'capacity_workers') == 1
    capacity.destroy('counted')


def test_documented_lines(capacity: Capacity) -> None:
    """The lines of docs/capacity.md run as they stand, one after the other."""
    page = (ROOT / 'docs' / 'capacity.md').read_text()
    script = '\n'.join(BLOCKS.findall(page)).replace('localhost:8000', capacity.service.url)
    command = ['bash', '-euo', 'pipefail', '-c', script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert '"handler": "wait"' in done.stdout
    assert done.stdout.endswith('capacity_workers 4.0\ncapacity_workers 1.0\n')
    assert capacity.client.get('/stacks')['items'] == []


@pytest.mark.parametrize('inputs', [{'workers': 0}, {'workers': 17}, {'handler': 'os.system'}])
def test_limits(capacity: Capacity, inputs: dict[str, object]) -> None:
    """More workers than there may be, none, and unknown handlers are refused by the request."""
    body = {'program': 'capacity', 'name': 'never', 'inputs': inputs}
    answered = capacity.client.call('POST', '/stacks', json=body)
    assert answered.status_code == 422
    assert answered.json()['errors'][0]['pointer'] == f'#/inputs/{next(iter(inputs))}'


@pytest.mark.parametrize('engine', ['warm', pytest.param('cli', marks=pytest.mark.slow)])
def test_service_restart(tmp_path: Path, engine: str) -> None:
    """A pool answers while the service is away; the next one, with whatever engine, finds it."""
    state = str(tmp_path / 'state')
    with serving(tmp_path, STATE_DIR=state) as service:
        capacity = Capacity(service)
        url = capacity.create('lasting', workers=2)['url']
        before = capacity.processes('lasting')
    assert answer(url)
    with capacity_of(tmp_path, STATE_DIR=state, ENGINE=engine) as capacity:
        assert capacity.processes('lasting') == before
        assert capacity.drift('lasting') == {}
        capacity.update('lasting', workers=3)
        assert len(capacity.processes('lasting') - before) == 1
        capacity.destroy('lasting')
        assert capacity.processes('lasting') == set()


def figure(url: str, name: str) -> float:
    """Return what Prometheus would get."""
    text = requests.get(url + '/metrics', timeout=60).text
    found = re.search(rf'^{name} (.*)$', text, re.MULTILINE)
    assert found, text
    return float(found[1])
