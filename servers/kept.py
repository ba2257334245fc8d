"""A server in a folder, kept running by one of the processes that use it.

Whoever has the folder's lock keeps the server; the others wait for the lock, and so go on with it
at once when that one ends. The server has the lock as well and dies with its keeper, so that two
are never on one folder.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import select
import signal
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from servers import ports
from servers.errors import ServerError
from servers.lineage import Lineage
from servers.tied import tied

logger = logging.getLogger(__name__)

# Seconds that a server has to answer for the first time, and between two looks at that.
START_DEADLINE = 30.0
LOOK_EVERY = 0.05
# Seconds between two looks at one that runs. When it has missed some, it is started anew.
CHECK_EVERY = 5.0
MOST_MISSED = 3
# Seconds that it has to end by itself, as a database that writes what it has in memory.
GRACE = 20.0
# One that lives shorter has failed; after so many in a row the next one waits to be asked for.
SHORTEST_LIFE = 2.0
MOST_FAILURES = 5
LAST_LINES = 5
LARGEST_LOG = 1024 * 1024


class Kind(ABC):
    """What is to be known of a server to run it.

    name: what messages call it. port_count: how many ports it listens on.
    end_signal: has it end in good order. orphan_signal: what the kernel sends it when its keeper
    dies, so that it ends at once.
    """

    name: str
    port_count = 1
    end_signal = signal.SIGTERM
    orphan_signal = signal.SIGKILL

    @abstractmethod
    def prepare(self) -> None:
        """Have it ready to be started; raises ServerError when it cannot be."""

    @abstractmethod
    def give_up(self) -> None:
        """Have prepare() end, and fail."""

    @abstractmethod
    def command(self, folder: Path, ports: Sequence[int]) -> list[str]:
        """Return what starts it, by an absolute path."""

    @abstractmethod
    def environ(self, folder: Path) -> Mapping[str, str]:
        """Return its environment."""

    @abstractmethod
    def answers(self, ports: Sequence[int]) -> bool:
        """Tell whether it answers as it should; within seconds."""

    def lives(self, ports: Sequence[int]) -> bool:
        """Tell whether it does what it should, if only to become ready; within seconds."""
        return self.answers(ports)

    def runs_as(self) -> int | None:
        """Return the id of the user that it runs as; None for the one of this process."""
        return None


class Kept:
    """One server, for any thread of this process."""

    def __init__(self, folder: Path, kind: Kind) -> None:
        """Do nothing yet. folder: is its alone; it is made when it is needed."""
        self._folder = folder
        self._kind = kind
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._is_keeper = False
        self._is_ending = False
        self._obstacle: ServerError | None = None
        self._wanted = threading.Event()
        # Tells the thread that waits for the server to end that it is to.
        self._ending = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    @property
    def was_used(self) -> bool:
        """Whether it has run here before, so that something may be in it."""
        return self._ports_file.exists()

    def was_at(self, port: int) -> bool:
        """Tell whether it is, or was at last, on a port."""
        return port in _ports_in(self._ports_file)

    def begin(self) -> None:
        """Have it run from now on, until close(), whoever keeps it."""
        self._obstacle = None
        self._wanted.set()
        with self._starting:
            if self._thread is None and not self._is_ending:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                # A daemon: who waits for a lock in the kernel cannot be called back. It lives as
                # long as the server that it starts: the kernel ends that with it (see tied.py).
                self._thread = threading.Thread(target=self._keep, name='server', daemon=True)
                self._thread.start()

    def ports(self, pause: Callable[[float], object] = time.sleep) -> list[int]:
        """Return its ports once it answers there; it is started where it does not run.

        pause: waits for some seconds; raises what it likes where that is of no use any more.

        Raises ServerError.
        """
        self.begin()
        ends_at: float | None = None
        while True:
            if self._obstacle is not None:
                raise self._obstacle
            known = _ports_in(self._address)
            if known and self._kind.answers(known):
                return known
            # To make it ready may take minutes, also after a crash; else it has its time.
            if not known or self._kind.lives(known):
                ends_at = None
            elif ends_at is None:
                ends_at = time.monotonic() + START_DEADLINE
            elif time.monotonic() > ends_at:
                raise ServerError(f'The {self._kind.name} does not answer.\n{self._last_lines()}')
            pause(LOOK_EVERY)

    def close(self) -> None:
        """End it, if this process keeps it."""
        self._is_ending = True
        self._wanted.set()
        os.eventfd_write(self._ending, 1)
        self._kind.give_up()
        if self._thread is not None and self._is_keeper:
            self._thread.join()

    def _keep(self) -> None:
        while not self._is_ending:
            with (self._folder / 'lock').open('w') as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._is_keeper = True
                self._wanted.clear()
                self._keep_locked(lock)
                self._is_keeper = False
            # Others may try as well, while nobody asks for it here.
            if not self._is_ending:
                self._wanted.wait()

    def _keep_locked(self, lock: TextIO) -> None:
        """Run the server until it is to end, or cannot be started."""
        if self._is_ending:
            return
        try:
            self._address.unlink(missing_ok=True)  # Of the one before, which has ended.
            self._kind.prepare()
            self._serve_again_and_again(lock)
        except (ServerError, OSError) as error:
            logger.error('the %s cannot be started: %s', self._kind.name, error)
            self._obstacle = ServerError(str(error))

    def _serve_again_and_again(self, lock: TextIO) -> None:
        """Run the server, and start it when it has ended.

        Raises ServerError when it does not live.
        """
        failures = 0
        while not self._is_ending:
            begun = time.monotonic()
            self._serve(lock)
            if self._is_ending:
                return
            said = self._last_lines()
            logger.error('the %s has ended: %s', self._kind.name, said)
            failures = 0 if time.monotonic() > begun + SHORTEST_LIFE else failures + 1
            if failures == MOST_FAILURES:
                raise ServerError(f'The {self._kind.name} ends as soon as it is started.\n{said}')

    def _serve(self, lock: TextIO) -> None:
        """Run the server until it has ended, or is to."""
        chosen = ports.choose(self._kind.port_count, _ports_in(self._ports_file))
        for file in (self._ports_file, self._address):
            _write(file, chosen)
        with Lineage() as lineage:
            process = self._started(chosen, [lock.fileno(), lineage.mark])
            lineage.begun()
            try:
                self._watch(process, chosen)
            finally:
                _end(process, self._kind.end_signal)

    def _started(self, chosen: Sequence[int], inherited: Sequence[int]) -> subprocess.Popen[bytes]:
        kind = self._kind
        command = tied(kind.command(self._folder, chosen), kind.orphan_signal, kind.runs_as())
        with self._log.open('wb' if self._is_log_full() else 'ab') as log:
            return subprocess.Popen(
                command,
                env=dict(kind.environ(self._folder)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for the service to hear, which ends it after the last run.
                start_new_session=True,
                pass_fds=inherited,
            )

    def _watch(self, process: subprocess.Popen[bytes], at: Sequence[int]) -> None:
        """Return when it has ended, is to end, or does not answer any more."""
        ended = os.pidfd_open(process.pid)
        missed = 0
        try:
            while missed < MOST_MISSED:
                if select.select([ended, self._ending], [], [], CHECK_EVERY)[0]:
                    return
                missed = 0 if self._kind.lives(at) else missed + 1
        finally:
            os.close(ended)

    @property
    def _address(self) -> Path:
        """Where it serves now."""
        return self._folder / 'address.json'

    @property
    def _ports_file(self) -> Path:
        """Where it is to serve again, as sites have that address."""
        return self._folder / 'ports.json'

    @property
    def _log(self) -> Path:
        return self._folder / 'log'

    def _is_log_full(self) -> bool:
        return self._log.exists() and self._log.stat().st_size > LARGEST_LOG

    def _last_lines(self) -> str:
        try:
            with self._log.open(errors='replace') as log:
                return ''.join(deque(log, LAST_LINES)).strip()
        except FileNotFoundError:
            return ''


def _ports_in(file: Path) -> list[int]:
    """Return the ports that a file has; none where it is missing, or was cut by a full disk."""
    try:
        return list(json.loads(file.read_text())['ports'])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return []


def _write(file: Path, chosen: Sequence[int]) -> None:
    new = file.with_suffix('.new')
    new.write_text(json.dumps({'ports': list(chosen)}))
    new.replace(file)


def _end(process: subprocess.Popen[bytes], gently: signal.Signals) -> None:
    """End it, gently first."""
    process.send_signal(gently)
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
