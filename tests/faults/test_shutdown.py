"""SIGTERM under load, and settings that would cut runs short."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests import processes
from tests.faults.held import ENOUGH, await_that, serving_held
from tests.paths import ROOT
from tests.service import serving


def test_sigterm_under_load(tmp_path: Path, mode: str) -> None:
    """SIGTERM under load: what runs is answered, what comes is refused."""
    with serving_held(tmp_path, ENGINE=mode) as held:
        with held.gate.held():
            answers = [held.send(), held.send()]
            held.gate.wait_until_held(2)
            held.pids('engine')
            connected = requests.Session()
            assert connected.get(held.service.url + '/readyz', timeout=60).status_code == 200
            held.service.process.send_signal(signal.SIGTERM)
            await_that(lambda: refused(connected, held.service.url + '/readyz'))
            assert refused(requests.Session(), held.service.url + '/uuid')
        assert [answer.result(timeout=90).status_code for answer in answers] == [200, 200]
        held.assert_ended()


def refused(session: requests.Session, url: str) -> bool:
    """Tell whether a request is turned away, by its status or by the closed door."""
    try:
        return session.get(url, timeout=60).status_code == 503
    except requests.ConnectionError:
        return True


def test_sigterm_with_a_queue(tmp_path: Path, mode: str) -> None:
    """SIGTERM while requests wait for a slot: these are told at once, and what runs is finished."""
    with serving_held(tmp_path, ENGINE=mode, SLOTS='1') as held:
        with held.gate.held():
            first = held.send()
            held.gate.wait_until_held()
            held.pids('engine')
            waiting = [held.send() for _ in range(8)]
            await_that(lambda: 'queue_length 8.0' in held.service.get('/metrics').text)
            held.service.process.send_signal(signal.SIGTERM)
            answers = [each.result(timeout=30) for each in waiting]
            assert not first.done()
        assert [answer.status_code for answer in answers] == [503] * 8
        assert all(int(answer.headers['retry-after']) > 0 for answer in answers)
        assert first.result(timeout=90).status_code == 200
        held.assert_ended()


def test_ctrl_c(tmp_path: Path, mode: str) -> None:
    """SIGINT, as Ctrl-C sends it, and then the engine of a run dies: nothing is left."""
    with serving_held(tmp_path, ENGINE=mode, RUNS_PER_HISTORY='1') as held:
        with held.gate.held():
            answer = held.send()
            held.gate.wait_until_held()
            held.service.process.send_signal(signal.SIGINT)
            # Not /uuid, which would be held itself when it comes before the signal.
            await_that(lambda: refused(requests.Session(), held.service.url + '/readyz'))
            assert refused(requests.Session(), held.service.url + '/uuid')
            held.kill('engine')
            assert answer.result(timeout=90).status_code == 502
        held.assert_ended()


def test_sign_of_life_at_the_end(tmp_path: Path) -> None:
    """A worker that has work left when all answers are given is not taken for one that hangs."""
    app = 'tests.faults.slow_end_app:api'
    with serving(tmp_path, app, GUNICORN_CMD_ARGS='--timeout 3') as service:
        [worker] = processes.descendants(service.process.pid)
        os.kill(worker, signal.SIGTERM)
        await_that(lambda: 'the end of a slow end' in service.log())
        assert 'WORKER TIMEOUT' not in service.log()
        assert 'Traceback' not in service.log()


def test_sigterm_at_the_first_moment(tmp_path: Path) -> None:
    """SIGTERM that comes before a new worker can hear it is heard in the end."""
    conf = '--config tests/faults/slow_fork_conf.py'
    with serving(tmp_path, GUNICORN_CMD_ARGS=conf) as service:
        service.process.send_signal(signal.SIGHUP)
        await_that(lambda: service.log().count('Booting worker') == 2)
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(timeout=30) == 0


def test_sigterm_and_a_program_that_hangs(tmp_path: Path, mode: str) -> None:
    """SIGTERM while a program hangs: it is cancelled at its deadline, and the service ends."""
    with serving_held(tmp_path, ENGINE=mode, RUN_TIMEOUT=ENOUGH[mode]) as held, held.gate.held():
        answer = held.send()
        held.gate.wait_until_held()
        held.pids('engine')
        held.service.process.send_signal(signal.SIGTERM)
        assert answer.result(timeout=90).status_code == 504
        held.assert_ended()


def test_program_hangs(tmp_path: Path, mode: str) -> None:
    """A program that hangs is ended at its deadline."""
    with serving_held(tmp_path, ENGINE=mode, RUN_TIMEOUT=ENOUGH[mode]) as held:
        with held.gate.held():
            answer = held.send()
            held.gate.wait_until_held()
            held.pids('engine')
            assert answer.result(timeout=90).status_code == 504
        held.assert_clean()


@pytest.mark.parametrize('how', ['flag', 'setting'])
def test_grace_shorter_than_a_run(how: str) -> None:
    """A grace period that is shorter than a run may take is refused at the start."""
    flag = ['--graceful-timeout', '30' if how == 'flag' else '200']
    run_timeout = '60' if how == 'flag' else '3600'
    done = subprocess.run(
        [sys.executable, '-m', 'gunicorn', *flag, 'api:api'],
        cwd=ROOT,
        env={'PATH': '/usr/bin:/bin', 'PORT': '0', 'RUN_TIMEOUT': run_timeout},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert f'--graceful-timeout {flag[1]} is shorter than a shutdown' in done.stderr
    assert 'Traceback' not in done.stderr
