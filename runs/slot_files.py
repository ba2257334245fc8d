"""Who owns a slot, and in what state its last run left it: one locked file per slot.

The kernel frees the lock when its owner dies, however it dies. What the file says outlives the
owner, so the next one knows whether something may have been left behind, and which process to
end first.
"""

from __future__ import annotations

import fcntl
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from warm_pulumi.processes import kill_session, start_time


@dataclass(frozen=True)
class Record:
    """What a slot's file says.

    clean: nothing of an earlier run is left.
    pid, started: the last process that drove Pulumi for this slot (see warm_pulumi.processes).
    """

    clean: bool = True
    pid: int | None = None
    started: int | None = None


class SlotFile:
    """A slot's file, locked by this process until it is closed."""

    def __init__(self, path: Path) -> None:
        """Open and lock `path`.

        Raises BlockingIOError when another process owns it.
        """
        self._handle = path.open('a+')
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._handle.close()
            raise
        self.record = self._read()

    def mark(self, clean: bool) -> None:
        """Remember whether the slot is clean."""
        self._write(Record(clean, self.record.pid, self.record.started))

    def note_process(self, pid: int) -> None:
        """Remember the process that now drives Pulumi for this slot."""
        self._write(Record(self.record.clean, pid, start_time(pid)))

    def end_last_process(self) -> None:
        """Kill what a dead owner left running, if it still is what was noted."""
        pid, started = self.record.pid, self.record.started
        # It leads a session, whose number is not given out again while a member lives: plugins
        # may have outlived it.
        if pid and started and start_time(pid) in (None, started):
            kill_session(pid)
        self._write(Record(self.record.clean))

    def close(self) -> None:
        """Give the slot up."""
        self._handle.close()

    def _read(self) -> Record:
        self._handle.seek(0)
        text = self._handle.read()
        try:
            return Record(**json.loads(text)) if text else Record()
        except (ValueError, TypeError):
            # Its owner died as it wrote: assume the worst.
            return Record(clean=False)

    def _write(self, record: Record) -> None:
        self.record = record
        self._handle.seek(0)
        self._handle.truncate()
        self._handle.write(json.dumps(asdict(record)))
        self._handle.flush()
