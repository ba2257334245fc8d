"""``WarmPulumi``: the ``PulumiCommand`` that keeps its processes."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

from pulumi.automation import CommandResult, PulumiCommand
from pulumi.automation.errors import create_command_error
from semver import VersionInfo

from . import programs, providers
from .cold import ColdPulumi
from .deadlines import for_command, remaining
from .engine import Command, Engine
from .environment import bound_by_engine, bound_by_interpreter
from .errors import ClosedError, CommandTimeoutError
from .output import OnOutput

_EXEC_SCRIPT = 'pulumi-language-python-exec'
_HOST = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'host')


class WarmPulumi(PulumiCommand):
    """Runs Pulumi commands in one engine process, with program host and providers kept beside it.

    One engine runs one command at a time: threads that share an instance take turns.

    :param engine: The ``pulumi-warm`` executable.
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
        engine: str,
        cli: str,
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
        # Without the constructor of the base class, whose one act is to run `pulumi version`.
        self.command = os.path.abspath(cli)
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
        self._turn = threading.Lock()
        self._turn_of: int | None = None
        self._engine: Engine | None = None
        self._bound: dict[str, str] = {}
        self._closed = False
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
        with _Turn(self, [], for_command(self._timeout)):
            self._ready_engine(self._environment({}))

    @property
    def engine_pid(self) -> int | None:
        """The process id of the engine, and the id of the session of all its processes."""
        return None if self._engine is None else self._engine.pid

    def interrupt(self) -> None:
        """Cancels the command that runs, if one does, as Ctrl-C would. For any thread."""
        engine = self._engine
        if engine is not None:
            engine.interrupt()

    def close(self) -> None:
        """Ends the engine and all that it started. A command that runs is cancelled first."""
        self._closed = True
        self.interrupt()
        with self._turn:
            self._drop_engine()

    def __enter__(self) -> WarmPulumi:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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

        A command from within a callback of another one, and a ``cancel`` from another thread,
        cannot wait for their turn: these run in the stock CLI.
        """
        if self._turn_of == threading.get_ident() or (
            programs.command_of(args) == 'cancel' and self._turn.locked()
        ):
            return self._beside().run(args, cwd, additional_env, on_output, on_error)
        args = _non_interactive(args)
        deadline = for_command(self._timeout)
        with _Turn(self, args, deadline):
            env = self._environment(additional_env)
            engine = self._ready_engine(env)
            command = self._command(args, cwd, env)
            result = engine.run(command, on_output, on_error, deadline, self.grace)
        if result.code != 0:
            raise create_command_error(result)
        return result

    def _beside(self) -> ColdPulumi:
        """A way to run a command while the engine runs another."""
        return ColdPulumi(
            self.command,
            self.version,
            timeout=self._timeout,
            grace=self.grace,
            environ=self._environ,
            on_start=self._on_start,
            on_end=self._on_end,
        )

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

    def _environment(self, additional_env: Mapping[str, str]) -> dict[str, str]:
        """The environment in which the SDK would start the stock CLI."""
        base = os.environ if self._environ is None else self._environ
        env = {**base, **additional_env, 'PULUMI_AUTOMATION_API': 'true'}
        folder = os.path.dirname(self.command)
        env['PATH'] = os.pathsep.join([folder, env.get('PATH', os.defpath)])
        return env

    def _ready_engine(self, env: Mapping[str, str]) -> Engine:
        """The engine, a fresh one where the last one died, served its time or does not suit."""
        bound = bound_by_engine(env)
        if self._engine is None or not self._still_good(self._engine) or bound != self._bound:
            self._drop_engine()
            self._engine = Engine(self._executable, self.command, env, self._on_start, self._on_end)
            self._bound = bound
            self._version = VersionInfo.parse(self._engine.version.removeprefix('v'))
        return self._engine

    def _still_good(self, engine: Engine) -> bool:
        return (
            engine.alive
            and engine.commands < self._max_commands
            and engine.resident_bytes() < self._max_resident_bytes
        )

    def _drop_engine(self) -> None:
        if self._engine is not None:
            self._engine.close()
            self._engine = None


class _Turn:
    """The turn of one thread to use the engine."""

    def __init__(self, pulumi: WarmPulumi, args: list[str], deadline: float | None) -> None:
        self._pulumi = pulumi
        self._args = args
        self._deadline = deadline

    def __enter__(self) -> None:
        left = remaining(self._deadline)
        if left == 0 or not self._pulumi._turn.acquire(timeout=-1 if left is None else left):
            raise CommandTimeoutError(
                self._args, _nothing('no turn within the deadline'), killed=False
            )
        if self._pulumi._closed:
            self._pulumi._turn.release()
            raise ClosedError
        self._pulumi._turn_of = threading.get_ident()

    def __exit__(self, *_: object) -> None:
        self._pulumi._turn_of = None
        self._pulumi._turn.release()


def _non_interactive(args: list[str]) -> list[str]:
    """As the SDK does it: in front, where it cannot be taken for an argument of the command."""
    options = args[: args.index('--')] if '--' in args else args
    return args if '--non-interactive' in options else ['--non-interactive', *args]


def _nothing(reason: str) -> CommandResult:
    """The result of a command that did not begin."""
    return CommandResult(stdout='', stderr=reason, code=-1)
