"""The processes of a set-up: each ends with it, however it ends."""

from __future__ import annotations

import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from engine.guard import guarded

STEP_DEADLINE = 45 * 60.0
LAST_LINES = 10


class StoppedError(Exception):
    """The set-up is being given up, for another reason than what was asked for here."""


class FailedError(Exception):
    """A command did not succeed; `lines` are the last ones that it said."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__('\n'.join(f'  {line}' for line in lines))
        self.lines = lines


class Children:
    """Runs commands in threads; all that still runs is ended at the end of the block.

    Each has a guard, which does that also when this process is killed.
    """

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[str]] = set()
        self._changing = threading.Lock()
        self._stopped = threading.Event()

    def __enter__(self) -> Children:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Have all end that runs, and let nothing more start."""
        with self._changing:
            self._stopped.set()
            for process in self._running:
                _let_go(process)

    def pause(self, seconds: float) -> None:
        """Wait; raises StoppedError where the block is at its end, or comes to it meanwhile."""
        if self._stopped.wait(seconds):
            raise StoppedError

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
        deadline: float = STEP_DEADLINE,
    ) -> int:
        """Run a command to its end and return its exit code, as a shell does.

        on_line: called with each line that the command says. deadline: the seconds that it has.

        Raises StoppedError where it is stopped, or was before, FailedError when it cannot start.
        """
        process = self._start(guarded(command, deadline), cwd, environ)
        try:
            assert process.stdout is not None
            with process.stdout:
                for line in process.stdout:
                    on_line(line.rstrip('\n'))
        finally:
            with self._changing:
                self._running.discard(process)
                _let_go(process)
            code = process.wait()
        if code != 0 and self._stopped.is_set():
            raise StoppedError
        return code

    def check(
        self,
        command: Sequence[str],
        *,
        cwd: Path | None = None,
        environ: Mapping[str, str] | None = None,
        on_line: Callable[[str], object] = lambda line: None,
        deadline: float = STEP_DEADLINE,
    ) -> None:
        """Run a command that has to succeed; see run().

        Raises FailedError when it does not.
        """
        lines: deque[str] = deque(maxlen=LAST_LINES)

        def take(line: str) -> None:
            on_line(line)
            lines.append(line)

        code = self.run(command, cwd=cwd, environ=environ, on_line=take, deadline=deadline)
        if code != 0:
            raise FailedError(list(lines))

    def _start(
        self, command: Sequence[str], cwd: Path | None, environ: Mapping[str, str] | None
    ) -> subprocess.Popen[str]:
        with self._changing:
            if self._stopped.is_set():
                raise StoppedError
            try:
                process = subprocess.Popen(
                    command,
                    cwd=cwd,
                    env=None if environ is None else dict(environ),
                    stdin=subprocess.PIPE,  # What the guard lives by.
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    encoding='utf-8',
                    errors='replace',
                    start_new_session=True,  # Ctrl-C is for this process to hear.
                )
            except OSError as error:
                raise FailedError([str(error)]) from error
            self._running.add(process)
            return process


def _let_go(process: subprocess.Popen[str]) -> None:
    """Have a process end, by its guard, if it has not."""
    assert process.stdin is not None
    process.stdin.close()
