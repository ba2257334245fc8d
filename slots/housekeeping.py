"""What slots need after their runs and between them, off the way of the answers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from pulumi import automation as auto

from basic_pulumi import ProvisioningError
from settings import Settings
from slots.names import SlotNames
from slots.queue import Queue
from slots.slot import OpenWorkspace, Slot
from slots.sweeper import Sweeper

logger = logging.getLogger(__name__)


class Housekeeper:
    """Recovers and replaces slots and drops their histories, in threads of its own."""

    def __init__(
        self, settings: Settings, names: SlotNames, queue: Queue, open_workspace: OpenWorkspace
    ) -> None:
        self._settings = settings
        self._names = names
        self._queue = queue
        self._open_workspace = open_workspace
        # One for each slot, and one for what may be warmed up in its place.
        self._threads = ThreadPoolExecutor(
            2 * settings.slots, thread_name_prefix='slot-housekeeper'
        )
        self._sweeper = Sweeper(self._sweep)

    def start(self) -> None:
        """Begin to recover what dead workers left behind, and later what could not be till then."""
        self._sweeper.start()

    def stop(self) -> None:
        """Finish what is under way."""
        self._sweeper.stop()
        self._threads.shutdown(wait=True)

    def take_back(self, slot: Slot) -> None:
        """Have a slot be free after its run, put in order before where it needs that."""
        if slot.is_worn and self._queue.begin_to_replace(slot):
            self._beside(self._replace, slot)
        if self._queue.leave(slot):
            self._beside(self._retire, slot)
        elif slot.is_clean and slot.runs < self._settings.runs_per_history:
            self._queue.put_back(slot)
        else:
            self._queue.expect(slot)
            self._beside(self._keep, slot)

    def _beside(self, work: Callable[[Slot], None], slot: Slot) -> None:
        try:
            self._threads.submit(work, slot)
        except RuntimeError:
            # The interpreter is ending, and starts no work in threads any more.
            work(slot)

    def _replace(self, worn: Slot) -> None:
        """Have a slot that is warmed up while the worn one still serves take its place."""
        fresh = None
        try:
            if not self._queue.is_draining:
                fresh = self._warm()
        except (ProvisioningError, OSError):
            logger.exception('stack %s is worn, and no other could take its place', worn.name)
        finally:
            has_left = self._queue.end_replacing(worn, fresh)
        if has_left:
            self._retire(worn)

    def _warm(self) -> Slot:
        slot = self._names.open_next(self._open_workspace)
        try:
            slot.recover()
            slot.begin()
            slot.warm_up()
        except BaseException:
            slot.close()
            raise
        return slot

    def _retire(self, slot: Slot) -> None:
        try:
            self._put_in_order(slot)
        finally:
            slot.close()

    def _keep(self, slot: Slot) -> None:
        try:
            self._put_in_order(slot)
        finally:
            self._queue.put_back(slot)

    def _put_in_order(self, slot: Slot) -> None:
        try:
            slot.recover()
            if slot.runs >= self._settings.runs_per_history and not self._queue.is_draining:
                slot.drop_history()
        except (ProvisioningError, auto.CommandError, OSError):
            logger.exception('stack %s was not put in order', slot.name)

    def _sweep(self) -> bool:
        """Recover what is unclean and not in use; return whether nothing is left to recover."""
        recovered = [self._recover_name(name) for name in self._names.ever_used()]
        return all([*recovered, *map(self._recover_free, self._queue.unclean())])

    def _recover_free(self, slot: Slot) -> bool:
        """Recover a slot of ours unless somebody took it; return whether nothing is left to do."""
        if not self._queue.take_out(slot):
            return True
        self._keep(slot)
        return slot.is_clean

    def _recover_name(self, name: str) -> bool:
        """Recover a slot that nobody owns; return whether nothing is left to do for it here."""
        if self._queue.is_draining:
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
