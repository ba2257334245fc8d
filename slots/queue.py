"""The slots that are free, and the requests that wait for one."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

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
        # Those that another slot is to take the place of, and that slot once it is ready.
        self._successors: dict[Slot, Slot | None] = {}
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
            if self._line or not self._is_at_hand():
                self._wait()
            self.refuse_when_draining()
            if self._free:
                return self._free.pop()
            self._unopened -= 1
            return None

    def put_back(self, slot: Slot) -> bool:
        """Have the slot be free, or its successor; return whether it is the slot itself."""
        with self._changed:
            self._expected.discard(slot)
            successor = self._successors.get(slot)
            if successor:
                del self._successors[slot]
            self._release(successor or slot)
            return successor is None

    def give_up(self, slot: Slot) -> Slot | None:
        """Have no such slot any more; return its successor, or None for the right to open one."""
        with self._changed:
            return self._successors.pop(slot, None)

    def begin_succession(self, slot: Slot) -> bool:
        """Know that a successor is being made ready; return whether there was none yet."""
        with self._changed:
            if slot in self._successors:
                return False
            self._successors[slot] = None
            return True

    def succeed(self, slot: Slot, successor: Slot | None) -> Slot | None:
        """Have a successor take the slot's place, now or when it is put back; None: there is none.

        Returns the slot, or the successor, that nobody needs any more.
        """
        with self._changed:
            if slot not in self._successors:
                return successor  # It was given up meanwhile.
            if successor is None:
                del self._successors[slot]
                return None
            self._successors[slot] = successor
            if slot not in self._free:
                return None
            self._free.remove(slot)
            self.put_back(slot)
            return slot

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
        with self._changed:
            ended = [*self._free, *filter(None, self._successors.values())]
            self._free.clear()
            self._successors.clear()
        for slot in ended:
            slot.close()

    def _release(self, slot: Slot) -> None:
        if slot.is_clean:
            self._free.append(slot)
        else:
            # To the far end: recovering it can wait until no clean one is free.
            self._free.appendleft(slot)
        self._changed.notify_all()

    def _wait(self) -> None:
        """Wait for a slot, unless so many wait already that it would be in vain."""
        limit, patience = self._settings.queue_limit, self._settings.slot_wait
        if len(self._line) >= limit:
            if not self._line and self.available:
                return  # Nobody may wait, not even for one that will be free soon.
            raise BusyError('too many requests wait for a slot', RETRY_AFTER)
        place = object()
        self._line.append(place)
        try:
            # Opening another slot takes longer than that one which is expected becomes free.
            if not self._comes(self._is_at_hand, place, min(SOON, patience)) and not self._comes(
                lambda: bool(self.available), place, max(0.0, patience - SOON)
            ):
                raise BusyError('no slot became free in time', RETRY_AFTER)
        finally:
            self._line.remove(place)
            # Who is first now may be able to go on as well.
            self._changed.notify_all()

    def _comes(self, holds: Callable[[], bool], place: object, patience: float) -> bool:
        return self._changed.wait_for(
            lambda: self._draining or (self._line[0] is place and holds()), patience
        )

    def _is_at_hand(self) -> bool:
        return bool(self._free or (self._unopened and not self._expected))
