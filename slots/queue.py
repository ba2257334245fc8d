"""The slots that are free, and the requests that wait for one."""

from __future__ import annotations

import threading
from collections import deque

from basic_pulumi import BusyError
from settings import Settings
from slots.names import RETRY_AFTER
from slots.slot import Slot

# Seconds in which a slot can be put in order, and hardly another one be opened.
SOON = 0.5


class Queue:
    """Hands out free slots, or the right to open one; the one that was used last comes first."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._unopened = settings.slots
        self._free: deque[Slot] = deque()
        # The requests that wait, in the order in which they came.
        self._line: deque[object] = deque()
        self._draining = False
        # Those that are being put in order, and will be free soon.
        self._expected: set[Slot] = set()
        # Its lock can be taken twice, as drain() needs that.
        self._changed = threading.Condition()

    @property
    def available(self) -> int:
        """How many requests need not wait now."""
        return len(self._free) + self._unopened

    @property
    def length(self) -> int:
        """How many requests wait for a slot."""
        return len(self._line)

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
            if self._expected and not self._free:
                # Opening another slot takes longer.
                self._changed.wait_for(lambda: self._free or self._draining, SOON)
            if self._line or not self.available:
                self._wait()
            self.refuse_when_draining()
            if self._free:
                return self._free.pop()
            self._unopened -= 1
            return None

    def put_back(self, slot: Slot) -> None:
        """Have the slot be free."""
        with self._changed:
            self._expected.discard(slot)
            if slot.is_clean:
                self._free.append(slot)
            else:
                # To the far end: recovering it can wait until no clean one is free.
                self._free.appendleft(slot)
            self._changed.notify_all()

    def expect(self, slot: Slot) -> None:
        """Know that a slot is being put in order: unless it has to be recovered, that is short."""
        with self._changed:
            if slot.is_clean:
                self._expected.add(slot)

    def allow_opening(self) -> None:
        """Give back the right to open a slot."""
        with self._changed:
            self._unopened += 1
            self._changed.notify_all()

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
        if len(self._line) >= self._settings.queue_limit:
            raise BusyError('too many requests wait for a slot', RETRY_AFTER)
        place = object()
        self._line.append(place)
        try:
            if not self._changed.wait_for(lambda: self._may_go_on(place), self._settings.slot_wait):
                raise BusyError('no slot became free in time', RETRY_AFTER)
        finally:
            self._line.remove(place)
            # Who is first now may be able to go on as well.
            self._changed.notify_all()

    def _may_go_on(self, place: object) -> bool:
        return self._draining or (self._line[0] is place and bool(self.available))
