"""``WarmPulumi``: the ``PulumiCommand`` that keeps its processes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from pulumi.automation import CommandResult
from pulumi.automation.errors import create_command_error
from semver import VersionInfo

from . import executables, programs, providers
from .cold import ColdPulumi
from .deadlines import for_command
from .engine import Command, Engine
from .environment import bound_by_engine, bound_by_interpreter, for_cli
from .kept import Kept
from .output import OnOutput, open_streams
from .turns import Cancellation, Turns

# What a command may take to end after its grace: for its output, and to kill its session.
_CLOSE_LIMIT = 10.0
# Of what an engine may serve, or occupy.
_WORN = 0.9
_EXEC_SCRIPT = 'pulumi-language-python-exec'
_HOST = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'host')


class WarmPulumi(Kept):
    """Runs Pulumi commands in one engine process, with program host and providers kept beside it.

    One engine runs one command at a time: threads that share an instance take turns.

    :param engine: The ``pulumi-warm`` executable. Without it and ``cli``: those that came with the
        wheel, else those on the ``PATH``; ExecutablesError where there are none that fit.
    :param cli: The stock CLI of the same version, for the commands that the engine does not serve.
    :param providers: The providers that are safe to share between commands: they keep nothing and
        read neither credentials nor other settings from the environment.
    :param program_host: Whether local Python programs run in a warm program host.
    :param environ: What every command gets under what its workspace adds; None for os.environ.
    :param timeout: What one command may take, in seconds; None for as long as it needs.
    :param grace: What a command that is late gets to cancel gracefully before it is killed.
    :param max_commands: The engine is replaced after so many commands.
    :param max_resident_bytes: The engine is replaced when it occupies more memory.
    :param on_start: Called with the pid of each engine, and of each command that runs beside it;
        it leads a session of its own.
    :param on_end: Called with that pid when nothing of the session is left.
    """

    def __init__(
        self,
        engine: str | None = None,
        cli: str | None = None,
        *,
        providers: Sequence[str] = ('random',),
        program_host: bool = True,
        environ: Mapping[str, str] | None = None,
        timeout: float | None = None,
        grace: float = 10.0,
        max_commands: int = 2000,
        max_resident_bytes: int = 1 << 30,
        on_start: Callable[[int], object] = lambda pid: None,
        on_end: Callable[[int], object] = lambda pid: None,
    ) -> None:
        if engine is None or cli is None:
            if engine != cli:
                raise TypeError('engine and cli belong together: give both or neither')
            engine, cli = executables.find(os.environ if environ is None else environ)
        # Without the constructor of the base class, whose one act is to run `pulumi version`.
        self.command = os.path.abspath(cli)
        # For what cannot wait until the engine is free.
        self._beside = ColdPulumi(
            self.command,
            None,
            timeout=timeout,
            grace=grace,
            environ=environ,
            on_start=on_start,
            on_end=on_end,
        )
        self._executable = os.path.abspath(engine)
        self._providers = tuple(providers)
        self._program_host = program_host
        self._environ = environ
        self._timeout = timeout
        self.grace = grace
        self._max_commands = max_commands
        self._max_resident_bytes = max_resident_bytes
        self._on_start = on_start
        self._on_end = on_end
        self._turns = Turns(one_at_a_time=True)
        self._engine: Engine | None = None
        self._bound: dict[str, str] = {}
        self._version: VersionInfo | None = None

    @property
    def version(self) -> VersionInfo:  # type: ignore[override]
        """The version of the engine, which starts if need be."""
        if self._version is None:
            self.start()
        assert self._version is not None
        return self._version

    def start(self) -> None:
        """Starts the engine now instead of with the first command."""
        if self._version is not None and self._turns.here():
            return  # A command that waits for this thread has it; none does before the first one.
        deadline = for_command(self._timeout)
        with self._turn([], deadline) as cancellation:
            self._ready_engine([], for_cli(self.command, self._environ, {}), deadline, cancellation)

    @property
    def is_worn(self) -> bool:
        """Whether the engine has nearly served its time, so that it is soon replaced in a command.

        An owner for whom that moment matters opens another instance beside it, and closes this one.
        """
        engine = self._engine
        return engine is not None and (
            engine.commands >= _WORN * self._max_commands
            or engine.resident_bytes() >= _WORN * self._max_resident_bytes
        )

    @property
    def engine_pid(self) -> int | None:
        """The process id of the engine, and the id of the session of all its processes."""
        engine = self._engine
        return None if engine is None else engine.pid

    def interrupt(self) -> bool:
        """Cancels the command that runs, if one does, as Ctrl-C would. For any thread.

        One that has not begun yet, since its engine is still starting, does not begin.
        Returns whether there was one.
        """
        here, beside = self._turns.cancel(), self._beside.interrupt()
        return here or beside

    def close(self) -> None:
        """Ends the engine and all that it started. For any thread.

        A command that runs is cancelled first, and killed where it does not end within its grace.
        Within one of its callbacks, or its inline program, this does not wait for the command's
        end, with which it closes.
        """
        self._turns.close()
        self._beside.close()
        if not self._turns.others_end_within(self.grace + _CLOSE_LIMIT):  # Held by a callback.
            self._kill_engine()
        elif not self._turns.here():
            self._drop_engine()

    def __enter__(self) -> WarmPulumi:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: OnOutput | None = None,
        on_error: OnOutput | None = None,
    ) -> CommandResult:
        """Runs a Pulumi command, like ``PulumiCommand.run``.

        A command from within a callback or an inline program of another one, and a ``cancel``
        from another thread, cannot wait for their turn: these run in the stock CLI.
        """
        busy_here = self._turns.here()
        if busy_here or (programs.command_of(args) == 'cancel' and self._turns.busy()):
            return self._beside.run(args, cwd, additional_env, on_output, on_error)
        _insist_on_folder(cwd)
        args = _non_interactive(args)
        deadline = for_command(self._timeout)
        with (
            self._turn(args, deadline) as cancellation,
            open_streams(on_output, on_error) as streams,
        ):
            env = for_cli(self.command, self._environ, additional_env)
            engine = self._ready_engine(args, env, deadline, cancellation)
            command = self._command(args, os.path.join(os.getcwd(), cwd), env)
            result = engine.run(command, streams, deadline, self.grace, cancellation)
        if result.code != 0:
            raise create_command_error(result)
        return result

    @contextmanager
    def _turn(self, args: list[str], deadline: float | None) -> Iterator[Cancellation]:
        """The turn of this thread, at whose end it does what others left to it."""
        with self._turns.turn(args, deadline) as cancellation:
            try:
                yield cancellation
            finally:
                if self._turns.closed:
                    self._drop_engine()

    def _command(self, args: list[str], cwd: str, env: dict[str, str]) -> Command:
        """The command, with the processes that may be kept for it where it runs a program."""
        if not programs.runs_local_program(args):
            return Command(args, cwd, env)
        names = set(self._providers) - providers.attached(env)
        found = {name: executable for name in names if (executable := providers.find(name, env))}
        return Command(
            args, cwd, env, found, self._host_command(cwd, env), bound_by_interpreter(env)
        )

    def _host_command(self, cwd: str, env: Mapping[str, str]) -> list[str]:
        """The command line of the program host; empty where the stock host has to do it."""
        python = programs.interpreter(cwd, env) if self._program_host else None
        exec_script = shutil.which(_EXEC_SCRIPT, path=env['PATH'])
        if python is None or exec_script is None or 'PULUMI_DEBUG_LANGUAGES' in env:
            return []
        return [python, _HOST, exec_script]

    def _ready_engine(
        self,
        args: list[str],
        env: Mapping[str, str],
        deadline: float | None,
        cancellation: Cancellation,
    ) -> Engine:
        """The engine, a fresh one where the last one died, served its time or does not suit."""
        bound = bound_by_engine(env)
        if self._engine is None or not self._still_good(self._engine) or bound != self._bound:
            self._drop_engine()
            self._bound = bound
            self._engine = Engine([self._executable, '--cli', self.command], env, self._on_end)
            try:
                self._on_start(self._engine.pid)
                self._version = self._engine.version(args, deadline, cancellation)
            except BaseException:
                self._kill_engine()
                self._drop_engine()
                raise
        return self._engine

    def _still_good(self, engine: Engine) -> bool:
        return (
            engine.alive
            and engine.commands < self._max_commands
            and engine.resident_bytes() < self._max_resident_bytes
        )

    def _drop_engine(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()

    def _kill_engine(self) -> None:
        engine = self._engine
        if engine is not None:
            engine.kill()


def _insist_on_folder(path: str) -> None:
    """Raises the OSError of a process that cannot start there."""
    os.close(os.open(path, os.O_PATH | os.O_DIRECTORY))


def _non_interactive(args: list[str]) -> list[str]:
    """As the SDK does it: in front, where it cannot be taken for an argument of the command."""
    options = args[: args.index('--')] if '--' in args else args
    return args if '--non-interactive' in options else ['--non-interactive', *args]
