"""The stock CLI, one process per command, with what the Automation API's own runner lacks.

That is: a deadline with a graceful cancel, a sure end of the command and everything under it,
and an environment that the caller decides.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pulumi import automation as auto
from pulumi.automation.errors import create_command_error
from semver import VersionInfo

import processes

CANCEL_GRACE = 10.0
OnOutput = Callable[[str], object]


class CommandTimeoutError(auto.CommandError):
    """A command passed its deadline and was ended."""


class ColdPulumi(auto.PulumiCommand):
    """The `pulumi` executable, under a deadline that may span several commands.

    An instance serves one thread at a time.
    """

    def __init__(
        self,
        executable: Path,
        version: VersionInfo,
        environ: Mapping[str, str] = os.environ,
        on_start: Callable[[int], object] = lambda pid: None,
    ) -> None:
        """Take an executable whose version is known.

        environ: what every command gets, under what its workspace adds.
        on_start: called with the pid of each command that starts.
        """
        self.command = str(executable)
        self.version = version
        self._environ = dict(environ)
        self._on_start = on_start
        self._ends_at = float('inf')

    @contextmanager
    def deadline(self, seconds: float) -> Iterator[None]:
        """Let the commands run in the body take `seconds` together, and no longer."""
        before, self._ends_at = self._ends_at, time.monotonic() + seconds
        try:
            yield
        finally:
            self._ends_at = before

    def close(self) -> None:
        """Do nothing: no process outlives its command."""

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: OnOutput | None = None,
        on_error: OnOutput | None = None,
    ) -> auto.CommandResult:
        """Run one command to its end, handing its lines out as they come.

        Raises the Automation API's own error for a command that fails, CommandTimeoutError for
        one that passes the deadline: it is cancelled as Ctrl-C would, and killed if it then
        takes longer than CANCEL_GRACE seconds.
        """
        process = subprocess.Popen(
            [self.command, '--non-interactive', *args],
            cwd=cwd,
            env={**self._environ, **additional_env, 'PULUMI_AUTOMATION_API': 'true'},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding='utf-8',
            errors='replace',
            start_new_session=True,  # a Ctrl-C on our terminal is ours to pass on
        )
        self._on_start(process.pid)
        return self._finish(process, on_output, on_error)

    def _finish(
        self,
        process: subprocess.Popen[str],
        on_output: OnOutput | None,
        on_error: OnOutput | None,
    ) -> auto.CommandResult:
        assert process.stdout is not None
        assert process.stderr is not None
        output = _Lines(process.stdout, on_output)
        errors = _Lines(process.stderr, on_error)
        try:
            in_time = self._wait(process)
        finally:
            if process.poll() is None:
                processes.kill_tree(process.pid)
                process.wait()
        result = auto.CommandResult(
            stdout=output.text(), stderr=errors.text(), code=process.returncode
        )
        if not in_time:
            raise CommandTimeoutError(result)
        if result.code != 0:
            raise create_command_error(result)
        return result

    def _wait(self, process: subprocess.Popen[str]) -> bool:
        """Wait for the command's end, cancelling it at the deadline; tell if it was in time."""
        if _ends_within(process, self._ends_at - time.monotonic()):
            return True
        process.send_signal(signal.SIGINT)
        _ends_within(process, CANCEL_GRACE)
        return False


class _Lines:
    """The lines of one stream, read by a thread of its own as they come."""

    def __init__(self, stream: IO[str], callback: OnOutput | None) -> None:
        self._lines: list[str] = []
        self._stream = stream
        self._callback = callback
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def text(self) -> str:
        """Return all lines; to be called when the process has ended."""
        # Something that outlived its command may keep the pipe open for ever.
        self._thread.join(timeout=CANCEL_GRACE)
        return '\n'.join(self._lines)

    def _read(self) -> None:
        with self._stream:
            for line in self._stream:
                stripped = line.rstrip()
                self._lines.append(stripped)
                if self._callback:
                    self._callback(stripped)


def _ends_within(process: subprocess.Popen[str], seconds: float) -> bool:
    try:
        process.wait(timeout=None if seconds == float('inf') else max(0.0, seconds))
    except subprocess.TimeoutExpired:
        return False
    return True
