"""The names that slots can have: NAME, NAME-1, NAME-2 and so on, each owned by one process."""

from __future__ import annotations

import functools
import threading
from pathlib import Path

from basic_pulumi import BusyError
from settings import Settings
from slots.slot import OpenWorkspace, Slot
from workspaces.ownership import Ownership

MOST_NAMES = 256
RETRY_AFTER = 5


class SlotNames:
    """Hands out names whose files this process has locked."""

    def __init__(self, settings: Settings, program: str) -> None:
        """Take the settings, and the folder of the program that all slots run."""
        self._settings = settings
        self._program = program
        # Whose stacks could not be recovered yet.
        self._set_aside: set[str] = set()
        self._changing = threading.Lock()

    def open_next(self, open_workspace: OpenWorkspace) -> Slot:
        """Return a slot, opened, with the first name that no process owns, this one included.

        Raises ProvisioningError: BusyError when there is no name.
        """
        slot = self._own_next()
        try:
            slot.open(open_workspace)
        except BaseException:
            slot.close()
            raise
        return slot

    def own(self, name: str) -> Slot:
        """Return the slot of that name.

        Raises BlockingIOError when a process owns it, this one included.
        """
        # Who looks for unclean ones must not take a name between its making and its locking.
        with self._changing:
            file = Ownership(self._folder / name)
        return Slot(name, self._program, self._settings, file)

    def ever_used(self) -> list[str]:
        """Return every name that a slot has had, whoever owns it."""
        # A maker that was killed leaves a file whose name begins with a dot.
        return sorted(path.name for path in self._folder.glob('[!.]*'))

    def set_aside(self, name: str) -> bool:
        """Hand a name out no more until it is readmitted; False when too many are set aside."""
        with self._changing:
            if len(self._set_aside) >= self._settings.slots:
                return False
            self._set_aside.add(name)
            return True

    def readmit(self, name: str) -> None:
        """Hand the name out again."""
        with self._changing:
            self._set_aside.discard(name)

    def _own_next(self) -> Slot:
        for number in range(MOST_NAMES):
            name = f'{self._settings.stack}-{number}' if number else self._settings.stack
            if name not in self._set_aside:
                try:
                    return self.own(name)
                except BlockingIOError:
                    continue
        raise BusyError(f'all {MOST_NAMES} slot names are in use', RETRY_AFTER)

    @functools.cached_property
    def _folder(self) -> Path:
        folder = self._settings.state_dir / 'slots'
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder
