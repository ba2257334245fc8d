"""The slots of this process: requests borrow them, so that none sees another's stack.

Slots open when they are first needed; the one that was used last is used next, because it is the
warmest.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import metrics
from basic_pulumi import BusyError
from settings import Settings
from slots.housekeeping import Housekeeper
from slots.names import SlotNames
from slots.queue import Queue
from slots.slot import OpenWorkspace, Slot


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

        Raises ProvisioningError, unless the service shuts down meanwhile.
        """
        try:
            with ExitStack() as leases:
                for _ in range(self._settings.slots):
                    leases.enter_context(self.lease()).warm_up()
        except BusyError:
            if not self.queue.is_draining:
                raise

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
        slot = self.queue.take() or self._open_next()
        while not self._begins(slot):
            # In its place, as who waits has come later.
            slot = self.queue.give_up(slot) or self._open_next()
        return slot

    def _begins(self, slot: Slot) -> bool:
        """Have a slot be ready and in use; return False when it was set aside."""
        try:
            if not self._housekeeper.recovers(slot):
                return False
            self.queue.refuse_when_draining()
            slot.begin()
        except BaseException:
            self._housekeeper.give_back(slot)
            raise
        return True

    def _open_next(self) -> Slot:
        try:
            return self._names.open_next(self._open_workspace)
        except BaseException:
            self.queue.allow_opening()
            raise
