"""Who owns a slot, and in what state its last run left it: one locked file per slot.

The kernel frees the lock when its owner dies, however it dies. What the file says outlives the
owner, so the next one knows whether something may have been left behind, and which processes to
end first.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from warm_pulumi.processes import start_time
from workspaces import leftovers
from workspaces.files import make_once


@dataclass(frozen=True)
class Record:
    """What a slot's file says.

    clean: nothing of an earlier run is left.
    home: the boot and the pid namespace that the processes belong to (see leftovers.home).
    processes: what drives Pulumi for this slot: when each pid started (see start_time).
    gone: pids of what drove it for earlier owners, and may have left a lock.
    """

    clean: bool = True
    home: str = ''
    processes: dict[int, int] = field(default_factory=dict)
    gone: list[int] = field(default_factory=list)

    @classmethod
    def parse(cls, text: str) -> Record:
        """Return what a file says; when it cannot be read, its owner died as it wrote."""
        try:
            given = json.loads(text)
            processes = {int(pid): int(started) for pid, started in given['processes'].items()}
            gone = [int(pid) for pid in given['gone']]
            return cls(bool(given['clean']), str(given['home']), processes, gone)
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls(clean=False)


class Ownership:
    """A slot's file, locked by this process until it is closed."""

    def __init__(self, path: Path) -> None:
        """Open and lock `path`.

        Raises BlockingIOError when another process owns it.
        """
        # Whole from the start: an empty one would count as torn, and its slot as unclean.
        make_once(path, _written(Record()))
        self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._fd)
            raise
        # Processes may start and end in other threads than the one that runs.
        self._writing = threading.Lock()
        self.record = self._read()

    @property
    def idle(self) -> set[int]:
        """The pids whose locks are nobody's: of our own that do nothing now, and of the dead."""
        return {*self.record.processes, *self.record.gone}

    def mark(self, clean: bool) -> None:
        """Remember whether the slot is clean."""
        with self._writing:
            self._write(replace(self.record, clean=clean, gone=[] if clean else self.record.gone))

    def note_start(self, pid: int) -> None:
        """Remember a process that drives Pulumi for this slot, and leads a session."""
        started = start_time(pid)
        if started is not None:
            with self._writing:
                self._write(replace(self.record, processes={**self.record.processes, pid: started}))

    def note_end(self, pid: int) -> None:
        """Forget a process that has ended."""
        with self._writing:
            left = {each: since for each, since in self.record.processes.items() if each != pid}
            self._write(replace(self.record, processes=left))

    def end_leftovers(self) -> None:
        """End what a dead owner left running, and speak for this process from here on."""
        if self.record.home == leftovers.home():
            for pid, started in self.record.processes.items():
                leftovers.end(pid, started)
        with self._writing:
            gone = {*self.record.gone, *self.record.processes}
            self._write(Record(self.record.clean, leftovers.home(), gone=sorted(gone)))

    def close(self) -> None:
        """Give the slot up."""
        os.close(self._fd)

    def _read(self) -> Record:
        size = os.fstat(self._fd).st_size
        return Record.parse(os.pread(self._fd, size, 0).decode(errors='replace'))

    def _write(self, record: Record) -> None:
        """Write over what is there, then cut off the rest.

        Killed between the two, the file cannot be read, which counts as unclean.
        """
        data = _written(record).encode()
        os.pwrite(self._fd, data, 0)
        os.truncate(self._fd, len(data))
        self.record = record


def _written(record: Record) -> str:
    return json.dumps(asdict(record))
