"""The engines that do runs: each is owned by this process, and does one run at a time.

They are warm as those of the slots are, and are recovered in the same way, but they are others: a
long run never has a slot wait.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pulumi import automation as auto

from settings import Settings
from warm_pulumi import ColdPulumi, WarmPulumi
from workspaces import environment, opening
from workspaces.ownership import Ownership

# Names of files that services of this machine may have had at the same time.
MOST = 256


class OwnedEngine:
    """An engine, its file, which program it ran last, and for which stack it works now."""

    def __init__(
        self, settings: Settings, file: Ownership, name: str, fellows: Collection[OwnedEngine]
    ) -> None:
        """Take an owned file.

        fellows: all engines of this process.
        """
        self.last_program = ''
        self.stack = ''
        self._settings = settings
        self._file = file
        self._name = name
        self._fellows = fellows
        self._command: WarmPulumi | ColdPulumi | None = None
        self._variables: dict[str, str] = {}

    def open(self, venv: Path, variables: Mapping[str, str]) -> auto.LocalWorkspaceOptions:
        """Return how to drive Pulumi; the engine starts with the first command.

        venv: of the program. The cold language host that we build takes `python3` from PATH.
        variables: that the program gets on top.

        Raises basic_pulumi.EngineUnavailableError.
        """
        if self._command is None:
            found = opening.find_engine(self._settings)
            self._variables = environment.variables(self._settings, found, f'worker.{self._name}')
            self._command = opening.command(self._settings, found, self._file)
        path = os.pathsep.join([str(venv / 'bin'), self._variables['PATH']])
        return auto.LocalWorkspaceOptions(
            pulumi_command=self._command, env_vars={**self._variables, **variables, 'PATH': path}
        )

    @property
    def idle(self) -> set[int]:
        """The pids whose locks on this engine's stack are nobody's while it does nothing.

        Those of its fellows too: one that lives leaves its lock where the backend was away.
        """
        others = (each for each in list(self._fellows) if each.stack != self.stack)
        return self._file.idle.union(*(each._file.idle for each in others))

    def interrupt(self) -> bool:
        """Cancel the command that runs, as Ctrl-C would; return whether there was one."""
        return self._command is not None and self._command.interrupt()

    def close(self) -> None:
        """End it, and give its name up."""
        if self._command is not None:
            self._command.close()
        self._file.close()


class Engines:
    """The engines of this process; they are made as they are needed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._free: list[OwnedEngine] = []
        self._all: list[OwnedEngine] = []
        self._unopened = settings.workers
        self._changing = threading.Lock()

    @contextmanager
    def lease(self, program: str, stack: str) -> Iterator[OwnedEngine]:
        """Borrow an engine; the one that ran the program last, as it is the warmest for that."""
        engine = self._take(program) or self._new()
        try:
            engine.last_program, engine.stack = program, stack
            yield engine
        finally:
            with self._changing:
                engine.stack = ''
                self._free.append(engine)

    def end_leftovers(self) -> None:
        """End what dead owners of engines on this machine left running."""
        for file in sorted(self._folder().glob('[!.]*')):
            try:
                owned = Ownership(file)
            except BlockingIOError:
                continue
            owned.end_leftovers()
            owned.close()

    def close(self) -> None:
        """End every engine, and with it what does not stop by itself."""
        while self._all:
            self._all.pop().close()

    def _take(self, program: str) -> OwnedEngine | None:
        with self._changing:
            for engine in reversed(self._free):
                if engine.last_program == program:
                    self._free.remove(engine)
                    return engine
            # A new one while there may be more; else the one that has rested longest.
            if not self._unopened:
                return self._free.pop(0)
            self._unopened -= 1
            return None

    def _new(self) -> OwnedEngine:
        try:
            return self._own_next()
        except BaseException:
            with self._changing:
                self._unopened += 1
            raise

    def _own_next(self) -> OwnedEngine:
        for number in range(MOST):
            try:
                file = Ownership(self._folder() / str(number))
            except BlockingIOError:
                continue
            file.end_leftovers()
            engine = OwnedEngine(self._settings, file, str(number), self._all)
            self._all.append(engine)
            return engine
        raise RuntimeError(f'all {MOST} names of engines are in use')

    def _folder(self) -> Path:
        folder = environment.state_dir(self._settings) / 'workers'
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder
