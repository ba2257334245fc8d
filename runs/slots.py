"""The slots of this process: requests borrow them, so that none sees another's stack.

Slots open when they are first needed; the one that was used last is used next, because it is the
warmest.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

from pulumi import automation as auto

import metrics
from basic_pulumi import BusyError, ProgramFailedError, ProvisioningError
from runs.slot import OpenWorkspace, Slot
from runs.slot_names import RETRY_AFTER, SlotNames
from runs.sweeper import Sweeper
from settings import Settings

logger = logging.getLogger(__name__)


class Slots:
    """The slots of this worker process."""

    def __init__(self, settings: Settings, program: str, open_workspace: OpenWorkspace) -> None:
        """Start with no slot open.

        program: folder of the program that all slots run, beside this file; its last part is
            the project's name.
        """
        self._settings = settings
        self._names = SlotNames(settings, program)
        self._open_workspace = open_workspace
        self._unopened = settings.slots
        self._free: deque[Slot] = deque()
        self._waiting = 0
        self._draining = False
        # Its lock can be taken twice, as drain() needs that.
        self._changed = threading.Condition()
        self._housekeeper = ThreadPoolExecutor(
            settings.slots, thread_name_prefix='slot-housekeeper'
        )
        self._sweeper = Sweeper(self._sweep)
        metrics.SLOTS_FREE.set_function(self._available)
        metrics.QUEUE_LENGTH.set_function(lambda: self.queue_length)

    def open_all(self) -> None:
        """Open every slot now instead of when it is needed.

        Raises ProvisioningError.
        """
        with ExitStack() as leases:
            for _ in range(self._settings.slots):
                leases.enter_context(self.lease()).warm_up()

    def look_after(self) -> None:
        """Begin to recover what dead workers left behind, and later what could not be till then."""
        self._sweeper.start()

    @contextmanager
    def lease(self) -> Iterator[Slot]:
        """Borrow a slot that is ready to run.

        Raises ProvisioningError: BusyError when none is free within the wait limit, or the
        service is shutting down.
        """
        slot = self._take_ready()
        self.look_after()
        try:
            yield slot
        finally:
            slot.runs += 1
            if slot.is_clean and slot.runs < self._settings.runs_per_history:
                self._put_back(slot)
            else:
                self._have_kept(slot)

    def drain(self) -> None:
        """Let no further run begin, and tell those who wait for a slot.

        Made to be called by a signal handler: it waits for nobody who could wait for its thread.
        """
        with self._changed:
            self._draining = True
            self._changed.notify_all()

    def close(self) -> None:
        """Drain, finish what is to be recovered, and end every slot that is not in use."""
        self.drain()
        self._sweeper.stop()
        self._housekeeper.shutdown(wait=True)
        while self._free:
            self._free.pop().close()

    @property
    def queue_length(self) -> int:
        """How many requests wait for a slot."""
        return self._waiting

    def _take_ready(self) -> Slot:
        while True:
            slot = self._take() or self._open_next()
            try:
                slot.recover()
                self._refuse_when_draining()
            except (BusyError, ProgramFailedError):
                # The trouble is this stack's own, so another name may do.
                if slot.is_clean or not self._put_aside(slot):
                    self._put_back(slot)
                    raise
            except BaseException:
                self._put_back(slot)
                raise
            else:
                slot.begin()
                return slot

    def _take(self) -> Slot | None:
        """Return a free slot, or None for the right to open one."""
        with self._changed:
            self._refuse_when_draining()
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
            if not self._changed.wait_for(self._may_go_on, self._settings.slot_wait):
                raise BusyError('no slot became free in time', RETRY_AFTER)
        finally:
            self._waiting -= 1
        self._refuse_when_draining()

    def _may_go_on(self) -> bool:
        return bool(self._available()) or self._draining

    def _refuse_when_draining(self) -> None:
        if self._draining:
            raise BusyError('the service is shutting down', RETRY_AFTER)

    def _available(self) -> int:
        return len(self._free) + self._unopened

    def _open_next(self) -> Slot:
        try:
            slot = self._names.own_next()
            try:
                slot.open(self._open_workspace)
            except BaseException:
                slot.close()
                raise
        except BaseException:
            self._allow_opening()
            raise
        return slot

    def _put_back(self, slot: Slot) -> None:
        with self._changed:
            if slot.is_clean:
                self._free.append(slot)
            else:
                # To the far end: recovering it can wait until no clean one is free.
                self._free.appendleft(slot)
            self._changed.notify()

    def _put_aside(self, slot: Slot) -> bool:
        """Give the slot up until it could be recovered; False when that was done too often."""
        if not self._names.set_aside(slot.name):
            return False
        logger.exception('stack %s cannot be recovered now and is set aside', slot.name)
        slot.close()
        self._allow_opening()
        return True

    def _allow_opening(self) -> None:
        with self._changed:
            self._unopened += 1
            self._changed.notify()

    def _have_kept(self, slot: Slot) -> None:
        try:
            self._housekeeper.submit(self._keep_house, slot)
        except RuntimeError:
            # The interpreter is ending, and starts no work in threads any more.
            self._keep_house(slot)

    def _keep_house(self, slot: Slot) -> None:
        """Do what a slot needs after its runs, off the way of the answers."""
        try:
            slot.recover()
            if slot.runs >= self._settings.runs_per_history and not self._draining:
                slot.drop_history()
        except (ProvisioningError, auto.CommandError, OSError):
            logger.exception('stack %s was not put in order', slot.name)
        finally:
            self._put_back(slot)

    def _sweep(self) -> bool:
        """Recover what is unclean and not in use; return whether nothing is left to recover."""
        recovered = [self._recover_name(name) for name in self._names.ever_used()]
        with self._changed:
            unclean = [slot for slot in self._free if not slot.is_clean]
        return all([*recovered, *map(self._recover_free, unclean)])

    def _recover_free(self, slot: Slot) -> bool:
        """Recover a slot of ours unless somebody took it; return whether nothing is left to do."""
        with self._changed:
            if self._draining or slot not in self._free:
                return True
            self._free.remove(slot)
        self._keep_house(slot)
        return slot.is_clean

    def _recover_name(self, name: str) -> bool:
        """Recover a slot that nobody owns; return whether nothing is left to do for it here."""
        if self._draining:
            return True
        try:
            slot = self._names.own(name)
        except BlockingIOError:
            return True
        try:
            if not slot.is_clean:
                slot.open(self._open_workspace)
                slot.recover()
        except (ProvisioningError, OSError):
            logger.exception('stack %s, left unclean, was not recovered', name)
            return False
        finally:
            slot.close()
        self._names.readmit(name)
        return True
