"""Does an operation with the steps of basic_pulumi, and says how it ended."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from pulumi import automation as auto

import basic_pulumi
from basic_pulumi import DeadlineError, ProvisioningError
from servers.errors import ServerError
from servers.servers import Servers
from settings import Settings
from stacks.catalogue import Catalogue
from stacks.operation import failures, snapshots
from stacks.operation.course import Course
from stacks.operation.engines import OwnedEngine
from stacks.operation.snapshots import Snapshots
from stacks.operation.steps import Steps
from stacks.operation.stopping import Stop, StoppedError
from stacks.operation.task import Outcome, Task
from stacks.program_files import ProgramError
from stacks.records import CANCELLED, DESTROY, FAILED, REFRESH, SUCCEEDED
from stacks.vault import Vault
from warm_pulumi import EngineDiedError, EngineStartError, deadline, time_left
from workspaces.history import History

logger = logging.getLogger(__name__)

# No slot can have such a name, so the same program may serve both.
PREFIX = 'stack.'
KEPT_PROGRAM = (DESTROY, REFRESH)
FAILURES = (ProvisioningError, ProgramError, ServerError, auto.CommandError, OSError, StoppedError)
# By which programs use them, and which nobody is to see.
SECRET_VARIABLES = ('S3_SECRET_KEY', 'AWS_SECRET_ACCESS_KEY', 'POSTGRESQL_PASSWORD')


class Operator:
    """Does operations; safe for all threads."""

    def __init__(
        self, settings: Settings, catalogue: Catalogue, vault: Vault, servers: Servers
    ) -> None:
        """Take what it works with; servers: what programs need beside Pulumi."""
        self._servers = servers
        self._settings = settings
        self._catalogue = catalogue
        self._vault = vault
        self._history = History(settings)
        self.snapshots = Snapshots(settings.state_dir / 'programs')

    def course(self, task: Task, log_size: int) -> Course:
        """Return the course of a task, which knows what must not show."""
        return Course(log_size, {self._vault.decrypt(each) for each in task.secrets})

    def perform(self, task: Task, engine: OwnedEngine, course: Course, stop: Stop) -> Outcome:
        """Do it, and return how it ended. Whatever the program does, this raises nothing of it."""
        digest = ''
        try:
            with (
                deadline(self._settings.operation_timeout),
                self.snapshots.using(lambda: self._folder(task)) as folder,
            ):
                digest = snapshots.digest_of(folder)
                self._operate(task, folder, engine, course, stop)
        except FAILURES as error:
            return self._ended(error, digest, course, stop)
        return Outcome(SUCCEEDED, digest)

    def _folder(self, task: Task) -> Path:
        """Return the copy of the program that this operation is done with."""
        program = self._catalogue.program(task.program)
        if task.operation in KEPT_PROGRAM and (kept := self.snapshots.kept(task.digest)):
            return kept
        if program is None or program.reason:
            reason = program.reason if program else 'it is not in the catalogue any more'
            raise ProgramError(f'The program {task.program} is not available: {reason}.')
        basic_pulumi.spin_venv(str(program.folder))
        folder = self.snapshots.take(program)
        if task.decided_on and snapshots.digest_of(folder) != task.decided_on:
            raise ProgramError('The program has changed since the preview; look at a new one.')
        return folder

    def _operate(
        self, task: Task, folder: Path, engine: OwnedEngine, course: Course, stop: Stop
    ) -> None:
        name = PREFIX + task.stack
        settings_file = snapshots.settings_of(folder, name)
        snapshots.write_settings(settings_file, self._vault.salt, task.program, task.inputs)
        context = basic_pulumi.set_context(
            self._settings.org, task.program, name, str(folder), task.run_id
        )
        try:
            variables = self._variables(folder, course, stop)
            Steps(
                *(task, context, engine, course, stop),
                variables=variables,
                encrypt=self._vault.encrypt,
            ).do()
            if task.operation == DESTROY:
                self._history.forget(task.program, name)
            else:
                self._history.after_run(task.program, name)
        finally:
            settings_file.unlink(missing_ok=True)

    def _variables(self, folder: Path, course: Course, stop: Stop) -> dict[str, str]:
        """Return what the program finds its servers by, once they are ready."""
        needs = snapshots.needs_of(folder)
        ready_at_once = True

        def pause(seconds: float) -> None:
            nonlocal ready_at_once
            if ready_at_once:
                course.line(f'Starting: {", ".join(sorted(needs))}. The first time takes minutes.')
                ready_at_once = False
            if time_left() == 0:
                raise DeadlineError('What the program needs did not become ready in time.')
            stop.pause(seconds)

        found = self._servers.variables(needs, pause)
        if needs:
            given = {**os.environ, **found}
            course.hide({given[name] for name in SECRET_VARIABLES if name in given})
        return found

    def _ended(self, error: Exception, digest: str, course: Course, stop: Stop) -> Outcome:
        if stop.is_wanted:
            course.line('Stopped; what was made so far is kept in the state.')
            return Outcome(CANCELLED if stop.is_cancel else '', digest)
        if isinstance(error.__cause__, EngineDiedError):
            course.line('The engine has died.')
            return Outcome('', digest)
        logger.info('an operation failed: %s', course.clean.text(str(error)))
        described = failures.describe(error, course.progress.failures, course.clean)
        course.line(f'error: {described["message"]}')
        # Killed as it started, or too slow: that says nothing of the run.
        may_pass = isinstance(error.__cause__, EngineStartError)
        return Outcome(FAILED, digest, described, may_pass)
