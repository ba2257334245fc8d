"""The slots of this process: requests borrow them, so that none sees another's stack.

Slots open when they are first needed; the one that was used last is used next, because it is the
warmest.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pulumi import automation as auto

import metrics
from basic_pulumi import BusyError, ProgramFailedError, ProvisioningError
from runs.slot import OpenWorkspace, Slot
from runs.slot_files import SlotFile
from settings import Settings

logger = logging.getLogger(__name__)

MOST_NAMES = 256
RETRY_AFTER = 5


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
        self._waiting = 0
        self._is_first = True
        self._changed = threading.Condition()
        self._housekeeper = ThreadPoolExecutor(
            settings.slots, thread_name_prefix='slot-housekeeper'
        )
        metrics.SLOTS_FREE.set_function(self._available)
        metrics.QUEUE_LENGTH.set_function(lambda: self.queue_length)

    def open_all(self) -> None:
        """Open every slot now instead of when it is needed.

        Raises ProvisioningError.
        """
        with ExitStack() as leases:
            for _ in range(self._settings.slots):
                leases.enter_context(self.lease()).warm_up()

    @contextmanager
    def lease(self) -> Iterator[Slot]:
        """Borrow a slot that is ready to run.

        Raises ProvisioningError: BusyError when none is free within the wait limit.
        """
        with self._changed:
            first, self._is_first = self._is_first, False
        slot = self._take_ready()
        if first:
            self._housekeeper.submit(self._recover_left_behind)
        try:
            yield slot
        finally:
            slot.runs += 1
            if slot.is_clean and slot.runs < self._settings.runs_per_history:
                self._put_back(slot)
            else:
                self._housekeeper.submit(self._keep_house, slot)

    def close(self) -> None:
        """End every slot that is not in use."""
        self._housekeeper.shutdown(wait=True)
        for slot in [*self._free, *self._set_aside]:
            slot.close()

    @property
    def queue_length(self) -> int:
        """How many requests wait for a slot."""
        return self._waiting

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
            if not self._available():
                self._wait_in_queue()
            if self._free:
                return self._free.pop()
            self._unopened -= 1
            return None

    def _wait_in_queue(self) -> None:
        """Wait for a slot, unless so many wait already that it would be in vain."""
        if self._waiting >= self._settings.queue_limit:
            raise BusyError('too many requests wait for a slot', RETRY_AFTER)
        self._waiting += 1
        try:
            if not self._changed.wait_for(self._available, self._settings.slot_wait):
                raise BusyError('no slot became free in time', RETRY_AFTER)
        finally:
            self._waiting -= 1

    def _available(self) -> int:
        return len(self._free) + self._unopened

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
        for number in range(MOST_NAMES):
            name = f'{self._settings.stack}-{number}' if number else self._settings.stack
            try:
                return self._own(name)
            except BlockingIOError:
                continue
        raise BusyError(f'all {MOST_NAMES} slot names are in use', RETRY_AFTER)

    def _own(self, name: str) -> Slot:
        return Slot(name, self._program, self._settings, SlotFile(self._folder / name))

    @functools.cached_property
    def _folder(self) -> Path:
        folder = self._settings.state_dir / 'slots'
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

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
        """Do what a slot needs after its runs, off the way of the answers."""
        try:
            slot.recover()
            if slot.runs >= self._settings.runs_per_history:
                slot.drop_history()
        except (ProvisioningError, auto.CommandError, OSError):
            logger.exception('stack %s was not put in order', slot.name)
        finally:
            self._put_back(slot)

    def _recover_left_behind(self) -> None:
        """Recover the slots that dead workers left unclean, whether or not they are needed."""
        for path in sorted(self._folder.iterdir()):
            try:
                slot = self._own(path.name)
            except BlockingIOError:
                continue
            try:
                if not slot.is_clean:
                    slot.open(self._open_workspace)
                    slot.recover()
            except (ProvisioningError, OSError):
                logger.exception('stack %s, left by a dead worker, was not recovered', slot.name)
            finally:
                slot.close()
