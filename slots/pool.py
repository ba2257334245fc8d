"""The slots of this process: requests borrow them, so that none sees another's stack.

Slots open when they are first needed; the one that was used last is used next, because it is the
warmest.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import metrics
from basic_pulumi import BusyError, ProgramFailedError
from settings import Settings
from slots.housekeeping import Housekeeper
from slots.names import SlotNames
from slots.queue import Queue
from slots.slot import OpenWorkspace, Slot

logger = logging.getLogger(__name__)


class Slots:
    """The slots of this worker process."""

    def __init__(self, settings: Settings, program: str, open_workspace: OpenWorkspace) -> None:
        """Start with no slot open.

        program: folder of the program that all slots run, beside basic_pulumi.py; its last part is
            the project's name.
        """
        self._settings = settings
        self._names = SlotNames(settings, program)
        self._open_workspace = open_workspace
        self.queue = Queue(settings)
        self._housekeeper = Housekeeper(settings, self._names, self.queue, open_workspace)
        metrics.SLOTS_FREE.set_function(lambda: self.queue.available)
        metrics.QUEUE_LENGTH.set_function(lambda: self.queue.length)

    def open_all(self) -> None:
        """Open every slot now instead of when it is needed.

        Raises ProvisioningError.
        """
        with ExitStack() as leases:
            for _ in range(self._settings.slots):
                leases.enter_context(self.lease()).warm_up()

    def look_after(self) -> None:
        """Begin to recover what dead workers left behind, and later what could not be till then."""
        self._housekeeper.start()

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
            self._housekeeper.take_back(slot)

    def drain(self) -> None:
        """Let no further run begin, and tell those who wait for a slot; for signal handlers."""
        self.queue.drain()

    def close(self) -> None:
        """Drain, finish what is to be recovered, and end every slot that is not in use."""
        self.drain()
        self._housekeeper.stop()
        self.queue.close()

    def _take_ready(self) -> Slot:
        while True:
            slot = self.queue.take() or self._open_next()
            try:
                slot.recover()
                self.queue.refuse_when_draining()
            except (BusyError, ProgramFailedError):
                # The trouble is this stack's own, so another name may do.
                if slot.is_clean or not self._put_aside(slot):
                    self.queue.put_back(slot)
                    raise
            except BaseException:
                self.queue.put_back(slot)
                raise
            else:
                slot.begin()
                return slot

    def _open_next(self) -> Slot:
        try:
            return self._names.open_next(self._open_workspace)
        except BaseException:
            self.queue.allow_opening()
            raise

    def _put_aside(self, slot: Slot) -> bool:
        """Give the slot up until it could be recovered; False when that was done too often."""
        if not self._names.set_aside(slot.name):
            return False
        logger.exception('stack %s cannot be recovered now and is set aside', slot.name)
        slot.close()
        self.queue.allow_opening()
        return True
