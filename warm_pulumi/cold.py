"""``ColdPulumi``: the stock CLI, one process per command, with what the SDK's own runner lacks.

That is deadlines, with a graceful cancel and then a sure end of the command and all it started.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from typing import IO

from pulumi.automation import CommandResult, PulumiCommand
from pulumi.automation.errors import create_command_error
from semver import VersionInfo

from .deadlines import for_command, remaining
from .errors import CommandTimeoutError
from .output import OnOutput
from .processes import kill_session

_OUTPUT_GRACE = 5.0


class ColdPulumi(PulumiCommand):
    """Runs each Pulumi command in a process of its own, as the SDK does, but never for ever.

    :param cli: The ``pulumi`` executable.
    :param version: Its version.
    :param timeout: What one command may take, in seconds; None for as long as it needs.
    :param grace: What a command that is late gets to cancel gracefully before it is killed.
    :param environ: What every command gets under what its workspace adds; None for os.environ.
    :param on_start: Called with the pid of each command; it leads a session of its own.
    :param on_end: Called with that pid when nothing of the session is left.
    """

    def __init__(
        self,
        cli: str,
        version: VersionInfo,
        *,
        timeout: float | None = None,
        grace: float = 10.0,
        environ: Mapping[str, str] | None = None,
        on_start: Callable[[int], object] = lambda pid: None,
        on_end: Callable[[int], object] = lambda pid: None,
    ) -> None:
        # Without the constructor of the base class, whose one act is to run `pulumi version`.
        self.command = cli
        self.version = version
        self._timeout = timeout
        self._grace = grace
        self._environ = environ
        self._on_start = on_start
        self._on_end = on_end

    def close(self) -> None:
        """Does nothing: no process outlives its command."""

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: OnOutput | None = None,
        on_error: OnOutput | None = None,
    ) -> CommandResult:
        """Runs a Pulumi command, like ``PulumiCommand.run``."""
        deadline = for_command(self._timeout)
        base = os.environ if self._environ is None else self._environ
        process = subprocess.Popen(
            [self.command, '--non-interactive', *args],
            cwd=cwd,
            env={**base, **additional_env, 'PULUMI_AUTOMATION_API': 'true'},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding='utf-8',
            errors='replace',
            start_new_session=True,  # Ctrl-C on a terminal is for the owner to pass on.
        )
        assert process.stdout is not None
        assert process.stderr is not None
        output = _Lines(process.stdout, on_output)
        errors = _Lines(process.stderr, on_error)
        try:
            self._on_start(process.pid)
            in_time = _ends_within(process, remaining(deadline))
            if not in_time:
                process.send_signal(signal.SIGINT)
                _ends_within(process, self._grace)
        finally:
            killed = process.poll() is None
            # Also after it ended: plugins outlive a CLI that was killed.
            kill_session(process.pid)
            process.wait()
            self._on_end(process.pid)
        result = CommandResult(stdout=output.text(), stderr=errors.text(), code=process.returncode)
        if not in_time:
            raise CommandTimeoutError(args, result, killed)
        if result.code != 0:
            raise create_command_error(result)
        return result


class _Lines:
    """The lines of one stream, read by a thread of its own as they come."""

    def __init__(self, stream: IO[str], callback: OnOutput | None) -> None:
        self._lines: list[str] = []
        self._stream = stream
        self._callback = callback
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def text(self) -> str:
        """All lines; to be called when the process has ended."""
        # What outlived its command may keep the pipe open for ever.
        self._thread.join(timeout=_OUTPUT_GRACE)
        return '\n'.join(self._lines)

    def _read(self) -> None:
        with self._stream:
            for line in self._stream:
                stripped = line.rstrip()
                self._lines.append(stripped)
                if self._callback:
                    self._callback(stripped)


def _ends_within(process: subprocess.Popen[str], seconds: float | None) -> bool:
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    return True
