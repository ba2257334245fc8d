"""The slots that are free, and the requests that wait for one."""

from __future__ import annotations

import threading
from collections import deque

from basic_pulumi import BusyError
from settings import Settings
from slots.names import RETRY_AFTER
from slots.slot import Slot


class Queue:
    """Hands out free slots, or the right to open one; the one that was used last comes first."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._unopened = settings.slots
        self._free: deque[Slot] = deque()
        self._waiting = 0
        self._draining = False
        # Its lock can be taken twice, as drain() needs that.
        self._changed = threading.Condition()

    @property
    def available(self) -> int:
        """How many requests need not wait now."""
        return len(self._free) + self._unopened

    @property
    def length(self) -> int:
        """How many requests wait for a slot."""
        return self._waiting

    @property
    def is_draining(self) -> bool:
        """Whether no further run may begin."""
        return self._draining

    def take(self) -> Slot | None:
        """Return a free slot, or None for the right to open one.

        Raises BusyError when there is neither within the wait limit, or the service shuts down.
        """
        with self._changed:
            self.refuse_when_draining()
            if not self.available:
                self._wait()
            if self._free:
                return self._free.pop()
            self._unopened -= 1
            return None

    def put_back(self, slot: Slot) -> None:
        """Have the slot be free."""
        with self._changed:
            if slot.is_clean:
                self._free.append(slot)
            else:
                # To the far end: recovering it can wait until no clean one is free.
                self._free.appendleft(slot)
            self._changed.notify()

    def allow_opening(self) -> None:
        """Give back the right to open a slot."""
        with self._changed:
            self._unopened += 1
            self._changed.notify()

    def unclean(self) -> list[Slot]:
        """Return the free slots that have to be recovered."""
        with self._changed:
            return [slot for slot in self._free if not slot.is_clean]

    def take_out(self, slot: Slot) -> bool:
        """Take this slot, unless somebody else has it, or nothing may begin any more."""
        with self._changed:
            if self._draining or slot not in self._free:
                return False
            self._free.remove(slot)
            return True

    def drain(self) -> None:
        """Let no further run begin, and tell those who wait.

        Made to be called by a signal handler: it waits for nobody who could wait for its thread.
        """
        with self._changed:
            self._draining = True
            self._changed.notify_all()

    def refuse_when_draining(self) -> None:
        """Raise BusyError when no further run may begin."""
        if self._draining:
            raise BusyError('the service is shutting down', RETRY_AFTER)

    def close(self) -> None:
        """End every slot that is free."""
        while self._free:
            self._free.pop().close()

    def _wait(self) -> None:
        """Wait for a slot, unless so many wait already that it would be in vain."""
        if self._waiting >= self._settings.queue_limit:
            raise BusyError('too many requests wait for a slot', RETRY_AFTER)
        self._waiting += 1
        try:
            if not self._changed.wait_for(self._may_go_on, self._settings.slot_wait):
                raise BusyError('no slot became free in time', RETRY_AFTER)
        finally:
            self._waiting -= 1
        self.refuse_when_draining()

    def _may_go_on(self) -> bool:
        return bool(self.available) or self._draining
