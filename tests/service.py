"""A real service: gunicorn on a free port of loopback, with the real engine behind it."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import requests

from tests import processes
from tests.paths import ROOT
from tests.problem import assert_problem
from tests.records import write_database

START_DEADLINE = 60.0
STOP_DEADLINE = 60.0
LISTENING = re.compile(r'Listening at: (http://(?:127\.0\.0\.1|\[::1\]):\d+)')


class Service:
    """A running service, its address, its log, and its stacks."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, settings: Mapping[str, str]):
        self.process = process
        self.log_file = log
        self.settings = settings
        self.url = ''

    def get(self, path: str, **options: object) -> requests.Response:
        return requests.get(self.url + path, timeout=120, **options)  # type: ignore[arg-type]

    def assert_refused(self, status: int, path: str = '/uuid') -> None:
        """Assert that a request is answered by an error of this status, which names no path."""
        answer = self.get(path)
        assert_problem(answer.status_code, answer.headers, answer.json(), status)
        assert str(ROOT) not in answer.text

    def log(self) -> str:
        return self.log_file.read_text()

    @property
    def state(self) -> Path:
        return Path(self.settings['STATE_DIR'])

    def wait_until_ready(self) -> None:
        ends_at = time.monotonic() + START_DEADLINE
        while time.monotonic() < ends_at:
            assert self.process.poll() is None, self.log()
            if found := LISTENING.search(self.log()):
                self.url = found[1]
                requests.get(self.url, timeout=START_DEADLINE)
                return
            time.sleep(0.05)  # gunicorn tells nobody but its log when it listens
        raise AssertionError(f'not ready in time: {self.log()}')

    def stop(self) -> int:
        """Stop it as an operator would; return the exit code."""
        if master := self._master():
            os.kill(master, signal.SIGTERM)
        try:
            return self.process.wait(timeout=STOP_DEADLINE)
        finally:
            processes.kill_tree(self.process.pid)
            self.process.wait()

    def _master(self) -> int | None:
        """Return the pid of gunicorn's master, which may be within something, or is just dying."""
        if self.process.poll() is not None:
            return None
        below = [self.process.pid, *processes.descendants(self.process.pid)]
        named = (pid for pid in below if 'gunicorn' in processes.command_line(pid).split()[:3])
        return next(named, None)


@contextmanager
def serving(
    tmp_path: Path,
    app: str = 'api:api',
    root: str = str(ROOT),
    within: str = '',
    **settings: str,
) -> Iterator[Service]:
    """Serve with its own state folder and stack names, and leave nothing behind.

    root: the folder of the service's code.
    within: the command line that starts the service's own.
    """
    stack = f'test-{secrets.token_hex(4)}'
    state = tmp_path / f'state-{stack}'
    if 'STATE_DIR' not in settings:
        state.mkdir(mode=0o700)
        write_database(state)
    own = {'PORT': '0', 'STACK': stack, 'STATE_DIR': str(state), **settings}
    log = tmp_path / f'{stack}.log'
    with log.open('wb') as output:
        process = subprocess.Popen(
            [*within.split(), sys.executable, '-m', 'gunicorn', app],
            cwd=root,
            env={**os.environ, 'PYTHONUNBUFFERED': '1', **own},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    service = Service(process, log, own)
    try:
        service.wait_until_ready()
        yield service
    finally:
        service.stop()
        for settings_file in Path(root).glob(f'**/Pulumi.{stack}*.yaml'):
            settings_file.unlink()
