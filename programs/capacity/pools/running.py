"""A pool that runs: gunicorn's master with its workers, found by its folder.

The processes belong to nobody but the stack: they outlive the run that starts them, and the
service. Each has the pool's folder in its command line, so that all are found, also when the master
was killed, and no other is taken for one of them.
"""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from pools import control, plan, ports
from pools.control import UnreachableError
from pools.errors import PoolError
from pools.plan import Plan
from pools.processes import Processes

SERVED = Path(__file__).parent.parent / 'served'
# Seconds for a pool to answer, and for one to become as it should be.
ANSWER, CHANGE = 20.0, 60.0
# Seconds for what is under way to end: more than served/pool.py gives it.
GRACE = 15.0
LOOK_EVERY = 0.05
LAST_LINES = 5


class RunningPool:
    """The processes of one pool, whether there are any or not."""

    def __init__(
        self,
        name: str,
        ask: Callable[[Path, str], dict[str, Any]] = control.ask,
        find: Callable[[Sequence[str]], Processes] = Processes,
    ) -> None:
        """Look for them under a name.

        ask: asks the pool in a folder, see control.ask. find: finds processes by their arguments.

        Raises PoolError where nothing says in which folder.
        """
        if 'PROCESSES_FOLDER' not in os.environ:
            raise PoolError('PROCESSES_FOLDER must name the folder in which pools are kept.')
        self.name = name
        # Without links, so that one folder has one name, by which its processes are found.
        self._folder = Path(os.environ['PROCESSES_FOLDER']).resolve() / name
        configuration = str(self._folder / 'pool.py')
        self._arguments = ['-m', 'gunicorn', '-c', configuration, 'service:application']
        self._ask = ask
        self._processes = find(self._arguments)

    def put(self, wanted: Plan) -> Plan:
        """Have it be as it should be, and return what it is then: with its port.

        Raises PoolError.
        """
        now = plan.read(self._folder)
        if now and wanted.serves_as(now) and self.workers() is not None:
            return self._scale(Plan(wanted.workers, now.handler, now.port))
        self._end_processes()
        # Its address stays, where nobody else has taken it.
        chosen = now.port if now and ports.is_free(now.port) else ports.choose()
        return self._start(Plan(wanted.workers, wanted.handler, wanted.port or chosen))

    def workers(self) -> int | None:
        """Return how many workers it is to have by its own account; None where it does not run."""
        ends_at = time.monotonic() + ANSWER
        while self._master() and time.monotonic() < ends_at:
            with suppress(UnreachableError):
                return int(self._ask(self._folder, 'show stats')['workers_target'])
            time.sleep(LOOK_EVERY)
        return None

    def end(self) -> None:
        """Have no process and no file of it be left.

        Raises PoolError when a process cannot be ended.
        """
        self._end_processes()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, wanted: Plan) -> Plan:
        if not ports.is_free(wanted.port):
            raise PoolError(
                f'The port {wanted.port} is in use by something else on this machine. Choose '
                'another one, or 0 for one that is free.'
            )
        self._lay_out(wanted)
        with (self._folder / 'log').open('wb') as log:
            process = subprocess.Popen(
                [sys.executable, *self._arguments],
                cwd=self._folder,
                # Nothing of the service's: these processes stay when it has ended.
                env={
                    'PATH': os.environ.get('PATH', os.defpath),
                    'PROMETHEUS_MULTIPROC_DIR': str(self._folder / 'metrics'),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._await_start(process, wanted)
        except BaseException:
            self.end()
            raise
        return wanted

    def _lay_out(self, wanted: Plan) -> None:
        """Have its folder hold all that it runs from: it may outlive this program."""
        shutil.rmtree(self._folder, ignore_errors=True)
        for name in ('metrics', 'ready'):
            (self._folder / name).mkdir(mode=0o700, parents=True)
        for file in SERVED.glob('*.py'):
            shutil.copy(file, self._folder)
        wanted.write(self._folder)

    def _await_start(self, process: 'subprocess.Popen[bytes]', wanted: Plan) -> None:
        ends_at = time.monotonic() + CHANGE
        while not (self._has(wanted.workers) and self._answers(wanted.port)):
            if process.poll() is not None:
                raise PoolError(f'The workers end as soon as they are started.\n{self._said()}')
            self._insist_on_time(ends_at)

    def _scale(self, wanted: Plan) -> Plan:
        """Have as many workers as it should; those that are too many end with their last answer."""
        wanted.write(self._folder)
        ends_at = time.monotonic() + CHANGE
        while not self._has(wanted.workers):
            if not self._master():
                raise PoolError(
                    'The workers have ended meanwhile. Update again, to start new ones.'
                )
            self._insist_on_time(ends_at)
        return wanted

    def _has(self, workers: int) -> bool:
        """Tell whether it has as many workers, none of them still ending; else ask for that."""
        # It answers nobody while it starts a worker, and may do what it has answered nobody to: so
        # each look says anew what is missing.
        with suppress(UnreachableError):
            found = self._ask(self._folder, 'show stats')
            missing = workers - found['workers_target']
            if missing:
                word = 'add' if missing > 0 else 'remove'
                self._ask(self._folder, f'worker {word} {abs(missing)}')
            else:
                return found['workers_current'] == workers == self._ready()
        return False

    def _ready(self) -> int:
        """Return how many workers have told that they are ready; see served/pool.py."""
        return sum(1 for _ in (self._folder / 'ready').iterdir())

    def _answers(self, port: int) -> bool:
        """Tell whether this pool, and no other service, answers at a port."""
        connection = http.client.HTTPConnection('127.0.0.1', port, timeout=ANSWER)
        try:
            connection.request('GET', '/healthz')
            return bool(json.load(connection.getresponse())['pool'] == self.name)
        except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
            return False
        finally:
            connection.close()

    def _insist_on_time(self, ends_at: float) -> None:
        if time.monotonic() > ends_at:
            raise PoolError(f'The workers did not become ready in time.\n{self._said()}')
        time.sleep(LOOK_EVERY)

    def _master(self) -> int | None:
        """Return the id of the process that has the workers."""
        with suppress(FileNotFoundError, ValueError):
            pid = int((self._folder / 'pid').read_text())
            # Left by one that was killed, it may be the number of anybody.
            return pid if pid in self._processes.ids() else None
        return None

    def _end_processes(self) -> None:
        master = self._master()
        # Without a master they end by themselves some seconds later.
        for pid in [master] if master else self._processes.ids():
            self._processes.send(pid, signal.SIGTERM)
        if not self._are_gone(GRACE):
            for pid in self._processes.ids():
                self._processes.send(pid, signal.SIGKILL)
            if not self._are_gone(GRACE):
                raise PoolError('A worker process cannot be ended. Tell the operator.')

    def _are_gone(self, patience: float) -> bool:
        ends_at = time.monotonic() + patience
        while self._processes.ids():
            if time.monotonic() > ends_at:
                return False
            time.sleep(LOOK_EVERY)
        return True

    def _said(self) -> str:
        with suppress(OSError), (self._folder / 'log').open(errors='replace') as log:
            return ''.join(deque(log, LAST_LINES)).strip()
        return ''
