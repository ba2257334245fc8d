"""The steps of each operation on a stack, one after the other, until somebody wants it stopped."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from pulumi import automation as auto

import basic_pulumi
from basic_pulumi import BusyError, ProgramFailedError, ProvisioningError
from stacks.operation import inventory, snapshots
from stacks.operation.course import Course
from stacks.operation.engines import OwnedEngine
from stacks.operation.marks import name_of
from stacks.operation.stopping import Stop
from stacks.operation.task import Task
from stacks.records import DESTROY, PREVIEW, REFRESH, UPDATE
from warm_pulumi import own_deadline
from workspaces import locks, recovery, removal

logger = logging.getLogger(__name__)

# Seconds for what comes after an operation, also after one that took all of its time.
AFTERWARDS = 120.0
# Seconds in which the engine of a service that died ends what it was doing.
DYING = 90.0
LOOK_EVERY = 1.0

Result = TypeVar('Result')


class Steps:
    """What one operation consists of."""

    def __init__(
        self,
        task: Task,
        context: basic_pulumi.Context,
        engine: OwnedEngine,
        course: Course,
        stop: Stop,
        *,
        variables: Mapping[str, str],
        encrypt: Callable[[str], str],
    ) -> None:
        """Take what they work with.

        variables: what the program finds its needs by.
        encrypt: makes of a text what may be stored.
        """
        self._variables = variables
        self._encrypt = encrypt
        self._task = task
        self._context = context
        self._engine = engine
        self._course = course
        self._stop = stop

    def do(self) -> None:
        """Do them all.

        Raises ProvisioningError when one fails, StoppedError when somebody wants that.
        """
        venv = snapshots.venv_of(Path(self._context['dirname']))
        options = self._engine.open(venv, self._variables)
        stack = self._unlocking(
            lambda: basic_pulumi.set_stack(self._context, options),
            lambda: recovery.unlock_absent(self._context, options),
        )
        if not self._task.looks_only:
            self._make_sure(stack)
        OPERATIONS[self._task.operation](self, stack)

    def preview(self, stack: auto.Stack) -> None:
        self._stop.check()
        basic_pulumi.preview_stack(
            stack, self._course.line, self._course.event, refresh=self._task.has_drift
        )

    def update(self, stack: auto.Stack) -> None:
        self._on_stack(
            stack,
            lambda: basic_pulumi.update_stack(
                *(stack, self._course.line, self._course.event),
                tell=False,
                # Else what was changed outside would stay: Pulumi compares with what it knows.
                refresh=self._task.has_drift,
            ),
        )

    def refresh(self, stack: auto.Stack) -> None:
        look = basic_pulumi.refresh_stack if self._task.accept else basic_pulumi.preview_refresh
        self._on_stack(
            stack, lambda: look(stack, on_output=self._course.line, on_event=self._course.event)
        )

    def destroy(self, stack: auto.Stack) -> None:
        _insist_on_unprotected(stack)
        self._on_stack(
            stack,
            lambda: basic_pulumi.destroy_stack(stack, True, self._course.line, self._course.event),
        )
        with own_deadline(AFTERWARDS):
            removal.remove(stack.workspace, stack.name)

    def _make_sure(self, stack: auto.Stack) -> None:
        """Bring the state up to what is there, where a run before this one was cut short."""
        if self._task.was_cut_short:
            self._course.line('The last run was cut short: looking at what is there.')
            self._on_stack(
                stack,
                lambda: basic_pulumi.refresh_stack(
                    stack, clear_pending_creates=True, on_output=self._course.line
                ),
            )

    def _on_stack(self, stack: auto.Stack, step: Callable[[], object]) -> None:
        try:
            self._unlocking(step, lambda: basic_pulumi.unlock_stack(stack))
        finally:
            if not self._task.looks_only:
                self._take_inventory(stack)

    def _take_inventory(self, stack: auto.Stack) -> None:
        """Note what there is now, also after a failure."""
        try:
            with own_deadline(AFTERWARDS):
                deployment = basic_pulumi.export_stack(stack)
        except ProvisioningError as error:
            # Of use to people only: what they get to see is what was there before.
            logger.warning('what stack %s consists of cannot be told: %s', stack.name, error)
        else:
            self._course.inventory = inventory.take(deployment, self._encrypt)

    def _unlocking(self, step: Callable[[], Result], unlock: Callable[[], object]) -> Result:
        """Do a step; where a dead owner left the stack locked, after unlocking it."""
        ends_at = time.monotonic() + (DYING if self._task.was_cut_short else 0.0)
        while True:
            self._stop.check()
            try:
                return step()
            except BusyError as error:
                is_over = time.monotonic() > ends_at
                if self._are_dead(error) or (is_over and self._is_left_elsewhere(error)):
                    break
                if is_over:
                    raise
            self._stop.wait(LOOK_EVERY)
        self._course.line('A lock that a dead process left is removed.')
        unlock()
        return step()

    def _are_dead(self, error: BusyError) -> bool:
        owners = locks.owners(str(error))
        return bool(owners) and all(each.is_dead(self._engine.idle) for each in owners)

    def _is_left_elsewhere(self, error: BusyError) -> bool:
        """Tell whether the locks are of runs of other hosts, which nobody does any more."""
        owners = locks.owners(str(error))
        return bool(owners) and all(map(self._is_given_up, owners))

    def _is_given_up(self, owner: locks.Owner) -> bool:
        # The database gives a stack to one service at a time, and this one has it now.
        return not owner.is_here and (self._task.is_repeated or owner.host in self._task.hosts)


def _insist_on_unprotected(stack: auto.Stack) -> None:
    """Refuse before anything is destroyed: Pulumi would destroy all others first."""
    found = basic_pulumi.export_stack(stack).get('resources') or []
    protected = sorted(name_of(each['urn']) for each in found if each.get('protect'))
    if protected:
        raise ProgramFailedError(
            f'{", ".join(protected)} cannot be destroyed, as the program protects it. '
            'Nothing was destroyed. Have the program not protect it, and update first.'
        )


OPERATIONS: dict[str, Callable[[Steps, auto.Stack], None]] = {
    PREVIEW: Steps.preview,
    UPDATE: Steps.update,
    REFRESH: Steps.refresh,
    DESTROY: Steps.destroy,
}
