"""Slots: stacks that requests borrow, one request at a time, so that none sees another's.

A slot is one stack name, owned by one worker process for its life. Slots open when they are
first needed; the one that was used last is used next, because it is the warmest.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol, cast

from pulumi import automation as auto

import basic_pulumi
import recovery
from basic_pulumi import BusyError, ProgramFailedError, ProvisioningError
from settings import Settings
from slot_files import SlotFile
from warm_pulumi import deadline, own_deadline

logger = logging.getLogger(__name__)

MOST_NAMES = 256
RETRY_AFTER = 5

# Given a stack name and a callback for the pids of what it starts, returns how to drive Pulumi;
# the pulumi_command in it can be closed.
OpenWorkspace = Callable[[str, Callable[[int], object]], auto.LocalWorkspaceOptions]


class SupportsClose(Protocol):
    """A pulumi_command that may keep processes."""

    def close(self) -> None:
        """End them."""


class Slot:
    """One stack, which runs one request at a time."""

    def __init__(self, name: str, program: str, settings: Settings, file: SlotFile) -> None:
        self.name = name
        self.runs = 0
        self.options = auto.LocalWorkspaceOptions()
        self._program = program
        self._settings = settings
        self._file = file

    def open(self, open_workspace: OpenWorkspace) -> None:
        """Get ready to run, and kill what a dead owner of this slot left running."""
        self._file.end_last_process()
        self.options = open_workspace(self.name, self._file.note_process)

    def context(self, request: str) -> basic_pulumi.Context:
        """Return the context of a run that asks the program for `request`."""
        return basic_pulumi.set_context(
            org=self._settings.org,
            project=Path(self._program).name,
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
                with own_deadline(self._settings.destroy_timeout):
                    basic_pulumi.destroy_stack(stack, destroy=True)
            except ProvisioningError:
                logger.exception('stack %s was not destroyed; it will be recovered', stack.name)
            else:
                self._file.mark(clean=True)

    def make_ready(self) -> None:
        """Recover the slot if its last run left it unclean, and mark it as in use.

        Raises ProvisioningError when it cannot be recovered.
        """
        if not self.is_clean:
            with own_deadline(self._settings.destroy_timeout):
                recovery.recover(basic_pulumi.set_stack(self.context(''), self.options))
        self._file.mark(clean=False)

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
            workspace.remove_stack(context['stack_name'], preserve_config=True)
        self._file.mark(clean=True)
        self.runs = 0

    def close(self) -> None:
        """End what the slot keeps running and give its name up."""
        if self.options.pulumi_command:
            cast(SupportsClose, self.options.pulumi_command).close()
        self._file.close()

    @property
    def is_clean(self) -> bool:
        """Whether nothing of an earlier run is left."""
        return self._file.record.clean


class Slots:
    """The slots of this worker process."""

    def __init__(self, settings: Settings, program: str, open_workspace: OpenWorkspace) -> None:
        """Start with no slot open.

        program: folder of the program that all slots run, beside this file; its last part is
            the project's name.
        """
        self._settings = settings
        self._program = program
        self._open_workspace = open_workspace
        self._unopened = settings.slots
        self._free: deque[Slot] = deque()
        self._set_aside: list[Slot] = []
        self._changed = threading.Condition()
        self._housekeeper = ThreadPoolExecutor(1, thread_name_prefix='slot-housekeeper')

    @contextmanager
    def lease(self) -> Iterator[Slot]:
        """Borrow a slot that is ready to run.

        Raises ProvisioningError: BusyError when none is free within the wait limit.
        """
        slot = self._take_ready()
        try:
            yield slot
        finally:
            slot.runs += 1
            if slot.is_clean and slot.runs >= self._settings.runs_per_history:
                self._housekeeper.submit(self._keep_house, slot)
            else:
                self._put_back(slot)

    def close(self) -> None:
        """End every slot that is not in use."""
        self._housekeeper.shutdown(wait=True)
        for slot in [*self._free, *self._set_aside]:
            slot.close()

    def _take_ready(self) -> Slot:
        while True:
            slot = self._take() or self._open_next()
            try:
                slot.make_ready()
            except (BusyError, ProgramFailedError):
                # The trouble is this stack's own, so another name may do.
                if not self._put_aside(slot):
                    raise
            except BaseException:
                self._put_back(slot)
                raise
            else:
                return slot

    def _take(self) -> Slot | None:
        """Return a free slot, or None for the right to open one."""
        with self._changed:
            if not self._changed.wait_for(
                lambda: self._free or self._unopened, self._settings.slot_wait
            ):
                raise BusyError('no slot became free in time', RETRY_AFTER)
            if self._free:
                return self._free.pop()
            self._unopened -= 1
            return None

    def _open_next(self) -> Slot:
        try:
            slot = self._own_next_name()
            try:
                slot.open(self._open_workspace)
            except BaseException:
                slot.close()
                raise
        except BaseException:
            self._allow_opening()
            raise
        return slot

    def _own_next_name(self) -> Slot:
        """Take the first name that no process owns, this one included."""
        folder = self._settings.state_dir / 'slots'
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in range(MOST_NAMES):
            name = f'{self._settings.stack}-{number}' if number else self._settings.stack
            try:
                file = SlotFile(folder / name)
            except BlockingIOError:
                continue
            return Slot(name, self._program, self._settings, file)
        raise BusyError(f'all {MOST_NAMES} slot names are in use', RETRY_AFTER)

    def _put_back(self, slot: Slot) -> None:
        with self._changed:
            if slot.is_clean:
                self._free.append(slot)
            else:
                # To the far end: recovering it can wait until no clean one is free.
                self._free.appendleft(slot)
            self._changed.notify()

    def _put_aside(self, slot: Slot) -> bool:
        """Use another name in this slot's place; False when that was done too often."""
        if len(self._set_aside) >= self._settings.slots:
            self._put_back(slot)
            return False
        logger.exception('stack %s cannot be recovered and is set aside', slot.name)
        self._set_aside.append(slot)
        self._allow_opening()
        return True

    def _allow_opening(self) -> None:
        with self._changed:
            self._unopened += 1
            self._changed.notify()

    def _keep_house(self, slot: Slot) -> None:
        try:
            slot.drop_history()
        except (auto.CommandError, OSError):
            logger.exception('the history of stack %s was not dropped', slot.name)
        finally:
            self._put_back(slot)
