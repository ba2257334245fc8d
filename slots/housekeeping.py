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
        # Those that others are warmed up for, and those that others have replaced.
        self._replacing: set[Slot] = set()
        self._replaced: set[Slot] = set()
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
        if slot in self._replaced:
            self._beside(self._retire, slot)
            return
        if slot.is_worn and slot not in self._replacing:
            self._replacing.add(slot)
            self._beside(self._replace, slot)
        if slot.is_clean and slot.runs < self._settings.runs_per_history:
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
        try:
            if self._queue.is_draining:
                return
            fresh = self._warm()
        except (ProvisioningError, OSError):
            logger.exception('stack %s is worn, and no other could take its place', worn.name)
        else:
            self._queue.put_back(fresh)
            # Where it is in use, it is retired when it is given back.
            self._replaced.add(worn)
            if self._queue.take_out(worn):
                self._retire(worn)
        finally:
            self._replacing.discard(worn)

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
            self._replaced.discard(slot)

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
