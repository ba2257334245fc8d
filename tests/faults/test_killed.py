"""Processes that are killed in mid-update: one bad answer at most, and nothing is left."""

from __future__ import annotations

import os
import random
import secrets
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import wait
from pathlib import Path

import pytest
import requests

from tests.faults.conftest import Rounds
from tests.faults.held import ENOUGH, Held, await_that, serving_held
from tests.problem import assert_problem
from warm_pulumi.processes import start_time


@pytest.fixture(scope='module')
def held(tmp_path_factory: pytest.TempPathFactory, mode: str) -> Iterator[Held]:
    """A service for those that leave it as it was, which each of them sees to itself."""
    with serving_held(tmp_path_factory.mktemp('held'), ENGINE=mode) as held:
        yield held


@pytest.mark.parametrize('victim', ['engine', 'host', 'program'])
def test_killed_in_mid_update(held: Held, victim: str) -> None:
    """SIGKILL of engine, language host or program in mid-update."""
    with held.gate.held():
        answer = held.send()
        programs = held.gate.wait_until_held()
        held.pids('engine')
        if victim == 'program':
            os.kill(programs[0], signal.SIGKILL)
        else:
            held.kill(victim)
        result = answer.result(timeout=90)
    assert_problem(result.status_code, result.headers, result.json(), 502)
    held.assert_clean()


def test_provider_killed(tmp_path: Path, mode: str) -> None:
    """SIGKILL of the provider before it makes the resource."""
    with serving_held(tmp_path, ENGINE=mode, RUN_TIMEOUT=ENOUGH[mode]) as held:
        with held.gate.held(where='hold-before'):
            answer = held.send()
            held.gate.wait_until_held()
            held.kill('provider')
        result = answer.result(timeout=90)
        # The stock CLI has not started its provider yet at that point.
        if mode == 'warm':
            assert result.status_code in (502, 504)
        held.assert_clean()


def test_worker_killed(tmp_path: Path, mode: str) -> None:
    """SIGKILL of the web worker in mid-update."""
    with serving_held(tmp_path, ENGINE=mode, SLOTS='1') as held:
        with held.gate.held():
            answer = held.send()
            held.gate.wait_until_held()
            held.pids('engine')
            held.kill('worker')
            with pytest.raises(requests.ConnectionError):
                answer.result(timeout=90)
        held.assert_clean()


def test_master_killed(tmp_path: Path, mode: str) -> None:
    """SIGKILL of gunicorn's master: the worker answers what runs, and ends with all it started."""
    with serving_held(tmp_path, ENGINE=mode) as held:
        with held.gate.held():
            answer = held.send()
            held.gate.wait_until_held()
            [worker] = held.pids('worker')
            held.pids('engine')
            held.service.process.kill()
        assert answer.result(timeout=90).status_code == 200
        await_that(lambda: start_time(worker) is None)
        await_that(lambda: not held.leftover_processes())
        held.await_rest()


@pytest.mark.slow
def test_worker_killed_and_engine_hangs(tmp_path: Path, mode: str) -> None:
    """SIGKILL of the web worker while its engine cannot react: the next one ends that engine."""
    with serving_held(tmp_path, ENGINE=mode, SLOTS='1') as held:
        with held.gate.held():
            answer = held.send()
            held.gate.wait_until_held()
            held.kill('engine', signal.SIGSTOP)
            held.kill('worker')
            with pytest.raises(requests.ConnectionError):
                answer.result(timeout=90)
            held.await_rest()
        await_that(lambda: not held.leftover_processes())
        held.assert_clean()


@pytest.mark.slow
def test_namespace_ends(tmp_path: Path, mode: str) -> None:
    """A container that dies in mid-update, and its next one with the same low process ids."""
    enter = 'unshare --pid --fork --mount-proc --kill-child'
    if subprocess.run([*enter.split(), 'true'], capture_output=True, check=False).returncode != 0:
        pytest.skip('a namespace needs root')
    stack = {'STACK': f'test-{secrets.token_hex(4)}', 'STATE_DIR': str(tmp_path / 'state')}
    with serving_held(tmp_path, within=enter, ENGINE=mode, SLOTS='1', **stack) as first:
        with first.gate.held():
            answer = first.send()
            first.gate.wait_until_held()
            first.service.process.kill()
            with pytest.raises(requests.ConnectionError):
                answer.result(timeout=90)
        assert len(first.locks()) == 1
    with serving_held(tmp_path, within=enter, ENGINE=mode, SLOTS='1', **stack) as second:
        second.await_rest()
        second.assert_clean()
        assert second.service.stop() == 0


@pytest.mark.slow
def test_random_kills(tmp_path: Path, mode: str, rounds: Rounds, seed: int) -> None:
    """A signal to a random process at a random moment, round after round."""
    count = rounds(2, 60) if mode == 'warm' else rounds(1, 12)
    chance = random.Random(seed)
    cycle = 0.2 if mode == 'warm' else 8.0
    settings = {'ENGINE': mode, 'RUN_TIMEOUT': '20', 'RUNS_PER_HISTORY': '3'}
    with serving_held(tmp_path, **settings) as held:
        held.assert_clean()
        for _ in range(count):
            one_round(held, chance, cycle)
        held.assert_clean()


def one_round(held: Held, chance: random.Random, cycle: float) -> None:
    answers = [held.send(), held.send()]
    moment = chance.uniform(0, cycle)
    signal_number = chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM])
    role = chance.choice(['worker', 'engine', 'host', 'provider'])
    wait(answers, timeout=moment)
    held.kill(role, signal_number)
    for answer in answers:
        error = answer.exception(timeout=90)
        if error is None:
            assert answer.result().status_code in (200, 502, 503, 504)
        else:
            assert isinstance(error, requests.ConnectionError)
    held.assert_clean()
