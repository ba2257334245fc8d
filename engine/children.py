"""The processes of a set-up: each ends with it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

STEP_DEADLINE = 45 * 60.0
LAST_LINES = 10


class StoppedError(Exception):
    """The set-up is being given up, so nothing new is started."""


class FailedError(Exception):
    """A command did not succeed; `lines` are the last ones that it said."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__('\n'.join(f'  {line}' for line in lines))
        self.lines = lines


class Children:
    """Runs commands in threads; all that still runs is killed at the end of the block."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[str]] = set()
        self._changing = threading.Lock()
        self._stopped = False

    def __enter__(self) -> Children:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Kill all that runs, and let nothing more start."""
        with self._changing:
            self._stopped = True
            for process in self._running:
                _kill(process)

    @contextmanager
    def stopped_by_errors(self) -> Iterator[None]:
        """Stop when the block fails, for those who then wait for the threads in it."""
        try:
            yield
        except BaseException:
            self.stop()
            raise

    def run(
        self,
        command: Sequence[str],
        *,
        cwd: Path | None = None,
        environ: Mapping[str, str] | None = None,
        on_line: Callable[[str], object] = lambda line: None,
    ) -> int:
        """Run a command to its end and return its exit code.

        on_line: called with each line that the command says.

        Raises StoppedError where the block is at its end; OSError when it cannot be started.
        """
        process = self._start(command, cwd, environ)
        late = threading.Timer(STEP_DEADLINE, _kill, [process])
        late.daemon = True
        late.start()
        try:
            assert process.stdout is not None
            for line in process.stdout:
                on_line(line.rstrip('\n'))
            return process.wait()
        finally:
            late.cancel()
            with self._changing:
                self._running.discard(process)

    def check(
        self,
        command: Sequence[str],
        *,
        cwd: Path | None = None,
        environ: Mapping[str, str] | None = None,
        on_line: Callable[[str], object] = lambda line: None,
    ) -> None:
        """Run a command that has to succeed; see run().

        Raises FailedError when it does not, or cannot be started.
        """
        lines: deque[str] = deque(maxlen=LAST_LINES)

        def take(line: str) -> None:
            on_line(line)
            lines.append(line)

        try:
            code = self.run(command, cwd=cwd, environ=environ, on_line=take)
        except OSError as error:
            raise FailedError([*lines, str(error)]) from error
        if code != 0:
            raise FailedError(list(lines))

    def _start(
        self, command: Sequence[str], cwd: Path | None, environ: Mapping[str, str] | None
    ) -> subprocess.Popen[str]:
        with self._changing:
            if self._stopped:
                raise StoppedError
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env=None if environ is None else dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding='utf-8',
                errors='replace',
                start_new_session=True,  # So that its own children can be killed with it.
            )
            self._running.add(process)
            return process


def _kill(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
