"""What slots need after their runs and between them, off the way of the answers."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from pulumi import automation as auto

from basic_pulumi import BusyError, ProgramFailedError, ProvisioningError
from settings import Settings
from slots.names import SlotNames
from slots.queue import Queue
from slots.slot import OpenWorkspace, Slot
from slots.sweeper import Sweeper

logger = logging.getLogger(__name__)

# Seconds until it is tried again to replace a slot where none could be: each try starts an engine.
PAUSE = 60.0


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
        # Whoever cannot replace a slot does not try with each run.
        self._replaces_from = 0.0
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
        # Whether it is worn is asked of the kernel.
        is_due = time.monotonic() >= self._replaces_from and slot.is_worn
        if is_due and self._queue.begin_succession(slot):
            self._beside(self._replace, slot)
        if slot.is_clean and slot.runs < self._settings.runs_per_history:
            self.give_back(slot)
        else:
            self._queue.expect(slot)
            self._beside(self._keep, slot)

    def give_back(self, slot: Slot) -> None:
        """Have a slot be free, or its successor."""
        if not self._queue.put_back(slot):
            self._beside(self._retire, slot)

    def recovers(self, slot: Slot) -> bool:
        """Recover a slot; return False when it cannot be now, and is set aside and closed.

        Raises ProvisioningError when that is no trouble of this slot alone.
        """
        try:
            slot.recover()
        except (BusyError, ProgramFailedError):
            # The trouble is this stack's own, so another name may do.
            if not self._names.set_aside(slot.name):
                raise
            logger.exception('stack %s cannot be recovered now and is set aside', slot.name)
            try:
                slot.close()
            except OSError:
                logger.exception('what stack %s kept running was not ended', slot.name)
            return False
        return True

    def _beside(self, work: Callable[[Slot], None], slot: Slot) -> None:
        turn = threading.Lock()

        def once() -> None:
            if turn.acquire(blocking=False):
                try:
                    work(slot)
                except Exception:
                    # A defect, of which nobody else would hear.
                    logger.exception('what goes on beside the answers failed for %s', slot.name)

        try:
            self._threads.submit(once)
        except RuntimeError:
            # The interpreter is ending, or there can be no more threads: then it may be queued too.
            once()

    def _replace(self, worn: Slot) -> None:
        """Warm up a slot, while the worn one still serves, that then takes its place."""
        fresh = None
        try:
            fresh = self._warm()
        except (ProvisioningError, OSError):
            if not self._queue.is_draining:
                logger.exception('stack %s is worn, and no other could take its place', worn.name)
        finally:
            if fresh is None:
                self._replaces_from = time.monotonic() + PAUSE
            if needless := self._queue.succeed(worn, fresh):
                self._retire(needless)

    def _warm(self) -> Slot:
        slot = self._open_recovered()
        try:
            self._queue.refuse_when_draining()
            slot.begin()
            slot.warm_up()
        except BaseException:
            slot.close()
            raise
        return slot

    def _open_recovered(self) -> Slot:
        while True:
            self._queue.refuse_when_draining()
            slot = self._names.open_next(self._open_workspace)
            try:
                if self.recovers(slot):
                    return slot
            except BaseException:
                slot.close()
                raise

    def _retire(self, slot: Slot) -> None:
        try:
            self._put_in_order(slot)
        finally:
            slot.close()

    def _keep(self, slot: Slot) -> None:
        try:
            self._put_in_order(slot)
        finally:
            self.give_back(slot)

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
