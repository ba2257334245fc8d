"""A process that does jobs of a migration: told by lines of JSON, it answers with such lines.

The first line says who it is for; each later one names a step, whose jobs it does until none is
left. It ends when its owner closes the pipe or dies.
"""

from __future__ import annotations

import gc
import json
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Generator
from typing import Any

from migrations import postgres, sources
from migrations.copying import Copier, Reader
from migrations.errors import MigrationError
from migrations.failures import told
from migrations.places import Place, parse
from migrations.plans import Table
from migrations.rows import Block
from migrations.sources import Bounds
from migrations.staging import Staging

# Objects between two looks for garbage: more than a batch has, as rows never are any.
GARBAGE = 100_000
# Seconds between two words about progress.
TOLD_EVERY = 0.25
Say = Callable[..., None]


def main() -> int:
    gc.set_threshold(GARBAGE)
    lines: queue.Queue[str] = queue.Queue()
    first = sys.stdin.readline()
    threading.Thread(target=_listen, args=(lines,), daemon=True).start()
    try:
        work(json.loads(first), lines, _say)
    except MigrationError as error:
        _say(error=type(error).__name__, message=str(error))
        return 1
    return 0


def work(task: dict[str, Any], lines: queue.Queue[str], say: Say) -> None:
    """Do the steps that come by the queue; raises MigrationError."""
    place, progress = parse(task['target']), _Progress(say)
    with told(place):
        connection = postgres.connect(place)
        # What a crash of the server may lose are whole chunks, which are then copied again.
        connection.execute('SET synchronous_commit = off')
        reader = _reader(parse(task['source']), task['snapshot'])
        copier = Copier(Staging(connection, task['id']), reader, progress.add)
        say(ready=True)
        while step := lines.get():
            while copier.do(step):
                progress.flush()
            say(idle=step)


def _reader(place: Place, snapshot: str) -> Reader:
    with told(place):
        source = sources.connect(place)
        source.join(snapshot)

    def read(table: Table, bounds: Bounds) -> Generator[Block, None, None]:
        # Both sides may have the same driver: errors have to say of which they are.
        with told(place):
            yield from source.blocks(table, bounds)

    return read


class _Progress:
    """Tells how many rows were done, now and then."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._rows = 0
        self._told_at = time.monotonic()

    def add(self, rows: int) -> None:
        self._rows += rows
        if time.monotonic() - self._told_at > TOLD_EVERY:
            self.flush()

    def flush(self) -> None:
        self._told_at = time.monotonic()
        if self._rows:
            self._say(rows=self._rows)
            self._rows = 0


def _listen(lines: queue.Queue[str]) -> None:
    for line in sys.stdin:
        lines.put(line.strip())
    # The owner is gone, whatever this process is doing.
    os._exit(2)


def _say(**words: Any) -> None:
    sys.stdout.write(json.dumps(words) + '\n')
    sys.stdout.flush()


if __name__ == '__main__':
    sys.exit(main())
