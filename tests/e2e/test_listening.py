"""Where the service listens and how: any loopback address, plain HTTP, and health at any time."""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

import engine
import program_venv
from tests import processes
from tests.certificates import certified
from tests.paths import ROOT
from tests.service import START_DEADLINE, serving

HOSTS = ['127.0.0.1', '::1', 'localhost']


@pytest.fixture(autouse=True)
def engine_is_built(built_engine: engine.Engine) -> None:
    """Nothing here waits for the first build."""


def test_gunicorn_on_ipv6(tmp_path: Path) -> None:
    """gunicorn listens on an IPv6 address as on any other."""
    with serving(tmp_path, HOST='::1') as service:
        assert service.url.startswith('http://[::1]:')
        assert service.get('/').json() == {'response': 'hello, world'}


@dataclass
class OwnServer:
    """`python api.py`, and where it says what it does."""

    process: subprocess.Popen[bytes]
    log: Path
    port: int


@contextmanager
def own_server(tmp_path: Path, host: str) -> Iterator[OwnServer]:
    """Run `python api.py`."""
    log = tmp_path / 'log'
    stack = f'test-{secrets.token_hex(4)}'
    own = {'HOST': host, 'PORT': '0', 'STATE_DIR': str(tmp_path / 'state'), 'STACK': stack}
    with log.open('wb') as output:
        process = subprocess.Popen(
            [sys.executable, 'api.py'],
            cwd=ROOT,
            env={**os.environ, **own},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        ends_at = time.monotonic() + START_DEADLINE
        while not (found := re.search(r'Serving on port (\d+)', log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < ends_at
            time.sleep(0.05)  # it tells nobody but its output when it listens
        yield OwnServer(process, log, int(found[1]))
    finally:
        processes.kill_tree(process.pid)
        process.wait()
        for settings_file in (ROOT / 'burner-program').glob(f'Pulumi.{stack}*.yaml'):
            settings_file.unlink()


@pytest.mark.parametrize('host', HOSTS)
def test_own_server(tmp_path: Path, host: str) -> None:
    """`python api.py` listens on any loopback address."""
    with own_server(tmp_path, host) as server:
        netloc = f'[{host}]:{server.port}' if ':' in host else f'{host}:{server.port}'
        assert requests.get(f'http://{netloc}/', timeout=60).json() == {'response': 'hello, world'}


def test_own_server_is_not_held(tmp_path: Path) -> None:
    """`python api.py` gives a client up that stops in the middle of its request."""
    with (
        own_server(tmp_path, '127.0.0.1') as server,
        socket.create_connection(('127.0.0.1', server.port)) as slow,
    ):
        slow.sendall(b'GET / HTTP/1.1\r\nHost:')
        assert requests.get(f'http://127.0.0.1:{server.port}/', timeout=60).status_code == 200
        assert slow.recv(1) == b''
        assert 'Traceback' not in server.log.read_text()


def test_own_server_is_stopped(tmp_path: Path) -> None:
    """SIGTERM while `python api.py` runs something: that is destroyed before it ends."""
    program_venv.ensure(ROOT / 'burner-program')
    with own_server(tmp_path, '127.0.0.1') as server, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(requests.get, f'http://127.0.0.1:{server.port}/uuid', timeout=60)
        ends_at = time.monotonic() + START_DEADLINE
        while 'info: Updating stack...' not in server.log.read_text():
            assert time.monotonic() < ends_at
            time.sleep(0.001)  # it tells nobody but its output how far it is
        server.process.terminate()
        assert server.process.wait(timeout=60) == 0
        asked.exception(timeout=60)
    [checkpoint] = (tmp_path / 'state/backend/.pulumi/stacks').rglob('*.json')
    assert not json.loads(checkpoint.read_text())['checkpoint']['latest'].get('resources')
    assert not list((tmp_path / 'state/backend/.pulumi/locks').rglob('*.json'))


@pytest.mark.parametrize('command', [['api.py'], ['-m', 'gunicorn', 'api:api']])
@pytest.mark.parametrize(
    ('variable', 'value', 'told'),
    [
        ('SLOTS', '999', 'SLOTS must be a number from 1 to 64.'),
        ('API_TOKENS_FILE', '/dev/null/a', 'API_TOKENS_FILE=/dev/null/a cannot be read: '),
        ('TRIGGERS_FILE', '/dev/null/a', 'TRIGGERS_FILE=/dev/null/a cannot be read: '),
    ],
)
def test_bad_setting(command: list[str], variable: str, value: str, told: str) -> None:
    """A setting that cannot be used is one clear line, whichever way the service is started."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, variable: value},
        capture_output=True,
        text=True,
        check=False,
        timeout=START_DEADLINE,
    )
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith(told)


@pytest.mark.parametrize(
    ('options', 'told'),
    [
        pytest.param('--bind 0.0.0.0:0', 'set API_TOKEN', id='address without a token'),
        pytest.param('--bind [::]:0', 'set API_TOKEN', id='IPv6 address without a token'),
        pytest.param('--worker-class gthread', 'worker_class', id='another worker'),
        pytest.param('--max-requests 3', 'max_requests', id='recycled worker'),
        pytest.param('--http-parser fast', 'http_parser', id='another parser'),
    ],
)
def test_options_are_refused(tmp_path: Path, options: str, told: str) -> None:
    """Options of gunicorn that would take a guard away are refused at the start."""
    assert told in refusal(tmp_path, *options.split())


def refusal(tmp_path: Path, *options: str) -> str:
    """Start gunicorn with options that it must not start with; return what it says."""
    done = subprocess.run(
        [sys.executable, '-m', 'gunicorn', *options, 'api:api'],
        cwd=ROOT,
        env={**os.environ, 'PORT': '0', 'STATE_DIR': str(tmp_path / 'state')},
        capture_output=True,
        text=True,
        check=False,
        timeout=START_DEADLINE,
    )
    assert done.returncode == 1
    assert 'Booting worker' not in done.stderr
    assert 'Traceback' not in done.stderr
    return done.stderr


def test_tls_is_refused(tmp_path: Path) -> None:
    """gunicorn with a certificate does not start, and says what to put in front."""
    file = str(certified(tmp_path, 'localhost'))
    said = refusal(tmp_path, '--certfile', file, '--keyfile', file)
    assert 'deploy/nginx.conf' in said


def test_health_while_readiness_waits(tmp_path: Path) -> None:
    """Any number of callers that ask for readiness leave threads for health and for runs."""
    program_venv.ensure(ROOT / 'burner-program')
    callers = 50
    with socket.create_server(('127.0.0.1', 0)) as silent, ThreadPoolExecutor(callers) as pool:
        silent.settimeout(START_DEADLINE)
        backend = f'postgres://u:p@127.0.0.1:{silent.getsockname()[1]}/db?sslmode=disable'
        given = {'SLOTS': '1', 'QUEUE_LIMIT': '1', 'PULUMI_BACKEND_URL': backend}
        with serving(tmp_path, **given) as service:
            asked = [pool.submit(service.get, '/readyz') for _ in range(callers)]
            connection, _ = silent.accept()  # the check has come so far
            with connection:
                others = as_completed(asked)
                for _ in range(callers - 1):
                    next(others)
                assert service.get('/healthz').status_code == 200
                assert [each.done() for each in asked].count(False) == 1
            assert {each.result().status_code for each in asked} == {503}
