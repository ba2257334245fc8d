"""The engine process: starting it, speaking with it, and making sure of its end."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pulumi.automation import CommandResult

from . import processes
from .deadlines import earliest, remaining
from .errors import CommandTimeoutError, EngineDiedError, EngineStartError
from .output import OnOutput, OutputStream

_START_LIMIT = 60.0
# What the output may take to end after the command: only a process that the command left behind
# still holds it open then.
_OUTPUT_LIMIT = 2.0
_CLOSE_LIMIT = 5.0

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
    """One engine process. Runs one command at a time; not thread-safe."""

    def __init__(
        self,
        executable: str,
        cli: str,
        env: Mapping[str, str],
        on_start: Callable[[int], object],
        on_end: Callable[[int], object],
    ) -> None:
        self.commands = 0
        ours, theirs = socket.socketpair()
        replies, replies_end = os.pipe()
        with theirs:
            self._process = _spawn([executable, '--cli', cli], env, theirs, replies_end)
        self._socket = ours
        self._replies = open(replies, 'rb', buffering=0)  # noqa: SIM115  Closed by _end.
        self._sending = threading.Lock()
        self._partial = b''
        _engines.add(self)
        self._finalizer = weakref.finalize(
            self, _end, os.getpid(), self._process, self._socket, self._replies, on_end
        )
        try:
            on_start(self.pid)
            self.version = self._greeting()
        except BaseException:
            self.kill()
            raise

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its session."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process can take another command."""
        return self._finalizer.alive and self._process.poll() is None

    def resident_bytes(self) -> int:
        """The memory that the engine itself occupies."""
        return processes.resident_bytes(self.pid)

    def interrupt(self) -> None:
        """Cancels the running command, as Ctrl-C would. Without one, does nothing."""
        with suppress(OSError):  # Closed meanwhile.
            self._send({'interrupt': self.commands}, [])

    def close(self) -> None:
        """Ends the engine, and with it all that it started."""
        self._finalizer()

    def kill(self) -> None:
        """Kills the engine and all that it started, at once."""
        self._process.kill()
        self._finalizer()

    def abandon(self) -> None:
        """Lets go of the process in a forked copy of its owner."""
        self._finalizer.detach()
        self._socket.close()
        self._replies.close()

    def run(
        self,
        command: Command,
        on_output: OnOutput | None,
        on_error: OnOutput | None,
        deadline: float | None,
        grace: float,
    ) -> CommandResult:
        """Runs one command to its end; returns its result whatever the exit code."""
        self.commands += 1
        stdout, stdout_end = os.pipe()
        stderr, stderr_end = os.pipe()
        streams = {
            stdout: OutputStream(stdout, on_output),
            stderr: OutputStream(stderr, on_error),
        }
        watch = _Watch(self, streams, deadline, grace)
        try:
            try:
                self._send(
                    {**vars(command), 'id': self.commands, 'umask': _umask()},
                    [stdout_end, stderr_end],
                )
            finally:
                os.close(stdout_end)
                os.close(stderr_end)
            watch.until_over()
        except BaseException:
            # Whatever it was, KeyboardInterrupt above all: do not leave a command running unseen.
            self._cancel_or_kill(grace)
            raise
        finally:
            texts = [stream.close() for stream in streams.values()]
        return watch.result(command.args, *texts)

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

    def wait(self) -> int:
        """The exit code of an engine that has closed its replies, negative for a signal."""
        try:
            return self._process.wait(_OUTPUT_LIMIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _greeting(self) -> str:
        try:
            return str(self._await_reply(time.monotonic() + _START_LIMIT)['version'])
        except (EOFError, TimeoutError) as error:
            self.kill()
            code = self._process.returncode
            raise EngineStartError(f'the engine does not start (exit code {code})') from error

    def _await_reply(self, deadline: float | None) -> dict[str, Any]:
        poll = select.poll()
        poll.register(self._replies, select.POLLIN)
        while True:
            if not poll.poll(_milliseconds(deadline)):
                raise TimeoutError('the engine does not answer')
            reply = self.read_reply()
            if reply is not None:
                return reply

    def _send(self, request: dict[str, Any], fds: list[int]) -> None:
        data = json.dumps(request).encode() + b'\n'
        # An engine that is gone does not read: its death shows where its replies end.
        with self._sending, suppress(BrokenPipeError, ConnectionResetError):
            sent = socket.send_fds(self._socket, [data], fds)
            self._socket.sendall(data[sent:])

    def _cancel_or_kill(self, grace: float) -> None:
        self.interrupt()
        try:
            self._await_reply(time.monotonic() + grace)
        except (EOFError, TimeoutError, OSError):
            self.kill()


class _Watch:
    """Waits for a running command: forwards its output, and enforces its deadline."""

    def __init__(
        self, engine: Engine, streams: dict[int, OutputStream], deadline: float | None, grace: float
    ) -> None:
        self._engine = engine
        self._streams = streams
        self._open = set(streams)
        self._deadline = deadline
        self._grace = grace
        self._cancelled = False
        self._killed = False
        self._code: int | None = None
        self._error: str | None = None
        self._poll = select.poll()
        for fd in [*streams, engine.reply_fileno()]:
            self._poll.register(fd, select.POLLIN)

    def until_over(self) -> None:
        """Returns once the command has ended and its output was read, or it had to be killed."""
        while self._waits():
            for fd, _ in self._poll.poll(_milliseconds(self._deadline)):
                self._read(fd)
            # Also of a command that prints without pause.
            if remaining(self._deadline) == 0 and not self._overdue():
                return

    def result(self, args: list[str], stdout: str, stderr: str) -> CommandResult:
        """The command's result, or the error that explains why there is none."""
        died = self._code is None
        code = self._engine.wait() if died else self._code
        result = CommandResult(stdout=stdout, stderr=stderr or self._error or '', code=code or 0)
        if died:
            self._engine.kill()
        if self._cancelled:
            raise CommandTimeoutError(args, result, self._killed)
        # An engine that exits by itself does so for the command: the CLI ends that way as well.
        if died and (code is None or code <= 0):
            raise EngineDiedError(args, result)
        for stream in self._streams.values():
            if stream.error is not None:
                raise stream.error
        return result

    def _waits(self) -> bool:
        return not self._over() or bool(self._open)

    def _over(self) -> bool:
        return self._code is not None or self._killed or self._error is not None

    def _read(self, fd: int) -> None:
        if fd in self._streams:
            if not self._streams[fd].read():
                self._poll.unregister(fd)
                self._open.discard(fd)
            return
        try:
            reply = self._engine.read_reply()
        except EOFError:
            self._error = 'the engine died'
        else:
            if reply is None:
                return
            self._error = reply.get('error')
            self._code = 1 if self._error else int(reply['code'])
        self._poll.unregister(fd)
        self._deadline = earliest(time.monotonic() + _OUTPUT_LIMIT)

    def _overdue(self) -> bool:
        """Takes the next step against a command that is late. Returns False when none is left."""
        if self._over():
            return False
        if not self._cancelled:
            self._cancelled = True
            self._deadline = time.monotonic() + self._grace
            self._engine.interrupt()
            return True
        self._killed = True
        self._poll.unregister(self._engine.reply_fileno())
        self._engine.kill()
        self._deadline = time.monotonic() + _OUTPUT_LIMIT
        return True


def _spawn(
    command: list[str], env: Mapping[str, str], stdin: socket.socket, replies: int
) -> subprocess.Popen[bytes]:
    """Starts the engine as the leader of a session, out of reach of a terminal's Ctrl-C."""
    try:
        return subprocess.Popen(
            [*command, '--replies', str(replies)],
            stdin=stdin.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=dict(env),
            pass_fds=[replies],
            start_new_session=True,
        )
    except OSError as error:
        raise EngineStartError(f'the engine does not start: {error}') from error
    finally:
        os.close(replies)


def _end(
    owner: int,
    process: subprocess.Popen[bytes],
    requests: socket.socket,
    replies: Any,
    on_end: Callable[[int], object],
) -> None:
    """Asks the engine to end, which the end of its requests does, and kills what is left then."""
    if os.getpid() != owner:
        return
    requests.close()
    try:
        process.wait(_CLOSE_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    processes.kill_session(process.pid)
    replies.close()
    on_end(process.pid)


def _milliseconds(deadline: float | None) -> float | None:
    seconds = remaining(deadline)
    return None if seconds is None else seconds * 1000 + 1


def _umask() -> int:
    """The umask of this process, which the stock CLI would inherit. Read without changing it."""
    with open('/proc/self/status', encoding='ascii', errors='replace') as file:
        return next(int(line.split()[1], 8) for line in file if line.startswith('Umask:'))


def _abandon_all() -> None:
    for engine in list(_engines):
        engine.abandon()


# A forked copy of the owner must not keep the engine's stdin open, nor speak with the engine.
os.register_at_fork(after_in_child=_abandon_all)
