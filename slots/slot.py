"""One slot: a stack that runs one request at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import PurePath
from typing import Protocol, cast

from pulumi import automation as auto

import basic_pulumi
import metrics
from audit import audited
from basic_pulumi import ProvisioningError
from settings import Settings
from warm_pulumi import ColdPulumi, deadline, own_deadline
from workspaces import recovery, removal
from workspaces.opening import Witness
from workspaces.ownership import Ownership

logger = logging.getLogger(__name__)


class OpenWorkspace(Protocol):
    """Returns how to drive Pulumi for a stack; the pulumi_command in it can be closed."""

    def __call__(self, stack: str, witness: Witness) -> auto.LocalWorkspaceOptions: ...


class Driver(Protocol):
    """A pulumi_command that may keep processes."""

    @property
    def is_worn(self) -> bool:
        """Whether they have nearly served their time."""

    def close(self) -> None:
        """End them."""


class Slot:
    """One stack, which runs one request at a time."""

    def __init__(self, name: str, program: str, settings: Settings, file: Ownership) -> None:
        self.name = name
        self.runs = 0
        self.options = auto.LocalWorkspaceOptions()
        self._program = program
        self._settings = settings
        self._file = file

    def open(self, open_workspace: OpenWorkspace) -> None:
        """Get ready to run, and end what a dead owner of this slot left running."""
        self._file.end_leftovers()
        self.options = open_workspace(self.name, self._file)

    def context(self, request: str) -> basic_pulumi.Context:
        """Return the context of a run that asks the program for `request`."""
        return basic_pulumi.set_context(
            org=self._settings.org,
            project=PurePath(self._program).name,
            stack=self.name,
            dirname=self._program,
            req=request,
        )

    def deadline(self) -> AbstractContextManager[None]:
        """Let the steps in the body take as long as a run may."""
        return deadline(self._settings.run_timeout)

    @contextmanager
    def ephemeral(self, stack: auto.Stack) -> Iterator[None]:
        """Destroy `stack` after the body, whatever happened in it.

        A destroy that fails takes no answer away: the slot is recovered before its next use.
        """
        try:
            yield
        finally:
            try:
                with audited(self.name, 'destroy'), own_deadline(self._settings.destroy_timeout):
                    basic_pulumi.destroy_stack(stack, destroy=True)
            except ProvisioningError:
                logger.exception('stack %s was not destroyed; it will be recovered', stack.name)
            else:
                self._file.mark(clean=True)

    def recover(self) -> None:
        """Remove what an unclean run left behind; nothing to do for a clean slot.

        Raises ProvisioningError when it cannot be recovered.
        """
        if self.is_clean:
            return
        with (
            audited(self.name, 'recover'),
            metrics.counted_outcome(metrics.RECOVERIES),
            own_deadline(self._settings.destroy_timeout),
        ):
            recovery.recover(self.context(''), self.options, self._file.idle)
        self._file.mark(clean=True)

    def begin(self) -> None:
        """Mark the slot as in use: whatever happens from here on has to be cleaned up."""
        self._file.mark(clean=False)

    def warm_up(self) -> None:
        """Have all that is kept running before the first request; the slot must be ready.

        Raises ProvisioningError.
        """
        with audited(self.name, 'warm up'), self.deadline():
            context = self.context('uuid')
            stack = basic_pulumi.set_stack(context, self.options)
            if isinstance(self.options.pulumi_command, ColdPulumi):
                self._file.mark(clean=True)
                return
            basic_pulumi.spin_venv(context['dirname'])
            basic_pulumi.configure_project(stack, context)
            with self.ephemeral(stack):
                basic_pulumi.update_stack(stack, tell=False)

    def drop_history(self) -> None:
        """Remove what Pulumi remembers of earlier runs, which would slow down the next ones."""
        context = self.context('')
        workspace = auto.LocalWorkspace(
            work_dir=basic_pulumi.find_local(context['dirname']),
            env_vars=self.options.env_vars,
            pulumi_command=self.options.pulumi_command,
        )
        self._file.mark(clean=False)
        with own_deadline(self._settings.destroy_timeout):
            removal.remove(workspace, context['stack_name'])
        self._file.mark(clean=True)
        self.runs = 0

    def close(self) -> None:
        """End what the slot keeps running and give its name up."""
        try:
            if self._driver:
                self._driver.close()
        finally:
            self._file.close()

    @property
    def is_worn(self) -> bool:
        """Whether what the slot keeps running has nearly served its time."""
        return self._driver is not None and self._driver.is_worn

    @property
    def _driver(self) -> Driver | None:
        return cast(Driver | None, self.options.pulumi_command)

    @property
    def is_clean(self) -> bool:
        """Whether nothing of an earlier run is left."""
        return self._file.record.clean
