"""``ColdPulumi``: the stock CLI, one process per command, with what the SDK's own runner lacks.

That is deadlines, with a graceful cancel and then a sure end of the command and all it started.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping

from pulumi.automation import CommandResult
from pulumi.automation.errors import create_command_error
from semver import VersionInfo

from . import processes
from .deadlines import for_command
from .environment import for_cli
from .errors import CommandTimeoutError, EngineDiedError
from .kept import Kept
from .output import OnOutput, Streams, open_streams
from .turns import Turns
from .watch import Watch

# What may be left of a command's time after its grace: for its output, and to kill its session.
_END_LIMIT = 10.0


class ColdPulumi(Kept):
    """Runs each Pulumi command in a process of its own, as the SDK does, but never for ever.

    :param cli: The ``pulumi`` executable.
    :param version: Its version; None where nobody asks for it.
    :param timeout: What one command may take, in seconds; None for as long as it needs.
    :param grace: What a command that is late gets to cancel gracefully before it is killed.
    :param environ: What every command gets under what its workspace adds; None for os.environ.
    :param on_start: Called with the pid of each command; it leads a session of its own.
    :param on_end: Called with that pid when nothing of the session is left.
    """

    def __init__(
        self,
        cli: str,
        version: VersionInfo | None,
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
        self._turns = Turns(one_at_a_time=False)

    @property
    def is_worn(self) -> bool:
        """Whether something that is kept has nearly served its time: nothing is kept here."""
        return False

    def interrupt(self) -> bool:
        """Cancels the commands that run, as Ctrl-C would. For any thread.

        Returns whether there was one.
        """
        return self._turns.cancel()

    def close(self) -> None:
        """Ends the commands that run, within their grace, and refuses further ones.

        For any thread; within a callback of a command it does not wait for that one's end.
        """
        self._turns.close()
        self._turns.others_end_within(self._grace + _END_LIMIT)

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
        with (
            self._turns.turn(args, deadline) as cancellation,
            open_streams(on_output, on_error) as streams,
        ):
            cancellation.check()
            process = self._start(args, cwd, additional_env, streams)
            try:
                self._on_start(process.pid)
                with Watch(process, streams, deadline, self._grace, cancellation) as watch:
                    watch.until_over()
            finally:
                code = process.end()
                self._on_end(process.pid)
            result = CommandResult(streams.stdout.text(), streams.stderr.text(), code)
        if watch.late:
            raise CommandTimeoutError(args, result, watch.killed)
        # Others killed it; a cancel may come before it hears of such.
        if code < 0 and code != -signal.SIGINT:
            raise EngineDiedError(args, result)
        if code != 0:
            raise create_command_error(result)
        return result

    def _start(
        self, args: list[str], cwd: str, additional_env: Mapping[str, str], streams: Streams
    ) -> _Process:
        env = for_cli(self.command, self._environ, additional_env)
        return _Process([self.command, '--non-interactive', *args], cwd, env, streams)


class _Process:
    """One command in a process of its own."""

    def __init__(
        self, command: list[str], cwd: str, env: Mapping[str, str], streams: Streams
    ) -> None:
        stdout, stderr = streams.ends
        self._popen = subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,  # Ctrl-C on a terminal is for the owner to pass on.
        )
        try:
            self._handle = os.pidfd_open(self.pid)
        except OSError:
            self._end_session()
            raise
        streams.hand_over()

    @property
    def pid(self) -> int:
        return self._popen.pid

    def fileno(self) -> int:
        return self._handle

    def has_ended(self) -> bool:
        return True  # Which is the only news of it; it stays a zombie, and its pid its own.

    def interrupt(self) -> None:
        # Not by way of Popen, which would reap a process that has ended, and so give its pid free.
        os.kill(self.pid, signal.SIGINT)

    def kill(self) -> None:
        processes.kill_session(self.pid)

    def end(self) -> int:
        """Makes sure that nothing of the session is left. Returns the command's exit code."""
        os.close(self._handle)
        return self._end_session()

    def _end_session(self) -> int:
        # Also after the command: plugins outlive a CLI that was killed.
        self.kill()
        return processes.reap(self._popen)
