"""The engine process: starting it, speaking with it, and making sure of its end."""

from __future__ import annotations

import json
import os
import select
import socket
import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pulumi.automation import CommandResult
from semver import VersionInfo

from . import engine_process, processes
from .deadlines import after, earliest, milliseconds, remaining
from .errors import CommandTimeoutError, EngineDiedError, EngineStartError
from .output import Streams
from .turns import Cancellation
from .watch import Watch

_START_LIMIT = 60.0

_engines: weakref.WeakSet[Engine] = weakref.WeakSet()


@dataclass(frozen=True)
class Command:
    """A CLI command, with the processes that may serve it beside the engine."""

    args: list[str]
    cwd: str
    env: dict[str, str]
    # The executables of the providers to keep, by name.
    providers: dict[str, str] = field(default_factory=dict)
    # The command line of the program host; empty for the stock one.
    host: list[str] = field(default_factory=list)
    # What both of these are started with.
    companion_env: dict[str, str] = field(default_factory=dict)


class Engine:
    """One engine process. Runs one command at a time; only kill() and close() are thread-safe."""

    def __init__(
        self,
        command: list[str],
        env: Mapping[str, str],
        on_end: Callable[[int], object],
    ) -> None:
        self.commands = 0
        self._process, self._socket, self._replies = engine_process.start(command, env)
        self._partial = b''
        # Reentrant: a signal handler may close what is being closed.
        self._ending = threading.RLock()
        _engines.add(self)
        self._finalizer = weakref.finalize(
            self,
            engine_process.end,
            os.getpid(),
            self._process,
            self._socket,
            self._replies,
            on_end,
        )

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its session."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process can take another command."""
        return self._finalizer.alive and not processes.has_ended(self.pid)

    def resident_bytes(self) -> int:
        """The memory that the engine itself occupies."""
        return processes.resident_bytes(self.pid)

    def close(self) -> None:
        """Ends the engine, and with it all that it started."""
        with self._ending:
            self._finalizer()

    def kill(self) -> None:
        """Kills the engine and all that it started, at once."""
        with self._ending:
            if self._finalizer.alive:
                processes.kill_session(self.pid)

    def abandon(self) -> None:
        """Lets go of the process in a forked copy of its owner."""
        self._finalizer.detach()
        self._socket.close()
        self._replies.close()

    def version(
        self, args: list[str], deadline: float | None, cancellation: Cancellation
    ) -> VersionInfo:
        """Waits until the engine, which was just started for `args`, is ready; returns its version.

        Raises EngineStartError, and CommandTimeoutError when the deadline is the earlier end.
        """
        try:
            greeting = self._greeting(earliest(after(_START_LIMIT), deadline), cancellation)
            return VersionInfo.parse(str(greeting.get('version')).removeprefix('v'))
        except (EOFError, TimeoutError, ValueError) as error:
            if remaining(deadline) == 0:
                raise CommandTimeoutError.before_begin(args, 'no engine in time') from error
            self.kill()
            self.close()
            code = self._process.returncode
            raise EngineStartError(f'the engine does not start (exit code {code})') from error

    def run(
        self,
        command: Command,
        streams: Streams,
        deadline: float | None,
        grace: float,
        cancellation: Cancellation,
    ) -> CommandResult:
        """Runs one command to its end; returns its result whatever the exit code."""
        cancellation.check()
        self.commands += 1
        request = {**vars(command), 'id': self.commands, 'umask': _umask()}
        call = _Call(self)
        try:
            with Watch(call, streams, deadline, grace, cancellation) as watch:
                self.send(request, [end.fileno() for end in streams.ends])
                streams.hand_over()
                watch.until_over()
        finally:
            if call.code is None:  # It died, or had to be killed.
                self.close()
        result = self._result(call, streams)
        if watch.late:
            raise CommandTimeoutError(command.args, result, watch.killed)
        # An engine that exits by itself does so for the command: the CLI ends that way as well.
        if call.code is None and result.code <= 0:
            raise EngineDiedError(command.args, result)
        return result

    def _result(self, call: _Call, streams: Streams) -> CommandResult:
        code = self._process.returncode if call.code is None else call.code
        stderr = streams.stderr.text() or call.error
        return CommandResult(stdout=streams.stdout.text(), stderr=stderr, code=code or 0)

    def send(self, request: dict[str, Any], fds: list[int]) -> None:
        """Sends a request with the descriptors that go with it."""
        data = json.dumps(request).encode() + b'\n'
        try:
            sent = socket.send_fds(self._socket, [data], fds)
            self._socket.sendall(data[sent:])
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            # It is gone or stuck. That shows where its replies end.
            self.kill()

    def read_reply(self) -> dict[str, Any] | None:
        """Reads what has arrived; returns a complete reply. Raises EOFError at the end."""
        data = self._replies.read(1 << 16)
        if not data:
            raise EOFError
        self._partial += data
        line, newline, rest = self._partial.partition(b'\n')
        if not newline:
            return None
        self._partial = rest
        return dict(json.loads(line))

    def reply_fileno(self) -> int:
        """Readable when the engine replies or dies."""
        return self._replies.fileno()

    def _greeting(self, deadline: float | None, cancellation: Cancellation) -> dict[str, Any]:
        poll = select.poll()
        poll.register(self._replies, select.POLLIN)
        poll.register(cancellation, select.POLLIN)
        while poll.poll(milliseconds(deadline)):
            cancellation.check()
            if (reply := self.read_reply()) is not None:
                return reply
        raise TimeoutError('the engine does not answer')


class _Call:
    """A command on its way through an engine.

    ``code`` stays None where the engine gave no reply.
    """

    def __init__(self, engine: Engine) -> None:
        self.code: int | None = None
        self.error = ''
        self._engine = engine

    def fileno(self) -> int:
        return self._engine.reply_fileno()

    def has_ended(self) -> bool:
        try:
            reply = self._engine.read_reply()
        except EOFError:
            self.error = 'the engine died'
            return True
        if reply is None:
            return False
        self.error = reply.get('error', '')
        self.code = 1 if self.error else int(reply['code'])
        return True

    def interrupt(self) -> None:
        self._engine.send({'interrupt': self._engine.commands}, [])

    def kill(self) -> None:
        self._engine.kill()


def _umask() -> int:
    """The umask of this process, which the stock CLI would inherit. Read without changing it."""
    with open('/proc/self/status', encoding='ascii', errors='replace') as file:
        return next(int(line.split()[1], 8) for line in file if line.startswith('Umask:'))


def _abandon_all() -> None:
    for engine in list(_engines):
        engine.abandon()


# A forked copy of the owner must not keep the engine's stdin open, nor speak with the engine.
os.register_at_fork(after_in_child=_abandon_all)
