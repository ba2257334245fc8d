"""The course of one operation: its log and its resources, gathered here until they are stored."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from pulumi.automation import EngineEvent

from stacks.operation.inventory import Inventory
from stacks.operation.log_text import LogText
from stacks.operation.progress import Progress, Resource

# Bytes of a log that are kept: as it begins, and the last ones of what comes after.
LOG_HEAD = 768 * 1024
LOG_TAIL = 256 * 1024
# What Pulumi advises those who have its command line.
HINTS = (
    'The resources in the stack have been deleted, but the history',
    'If you want to remove the stack completely, run',
)
# What is kept of very large stacks.
MOST_RESOURCES = 500
MOST_DIFFERENCES = 50


class Course:
    """Takes lines and events in the operation's thread; others store what has come."""

    def __init__(self, size: int, secrets: Collection[str] = ()) -> None:
        """Begin with a log that has `size` bytes already.

        secrets: values that must not show.
        """
        self.progress = Progress()
        # What there is at the end; None where that could not be told.
        self.inventory: Inventory | None = None
        self._secrets = set(secrets)
        self.clean = LogText(self._secrets)
        self._size = size
        self._new: list[str] = []
        self._tail: deque[str] = deque()
        self._tail_size = 0
        self._left_out = 0
        self._changing = threading.Lock()

    def hide(self, secrets: Collection[str]) -> None:
        """Have further values not show."""
        self._secrets = {*self._secrets, *secrets}
        self.clean = LogText(self._secrets)

    def line(self, text: str) -> None:
        """Take a line of the log."""
        if text.startswith(HINTS):
            return
        line = self.clean.line(text) + '\n'
        size = len(line.encode())
        with self._changing:
            if self._size + size <= LOG_HEAD and not self._tail:
                self._size += size
                self._new.append(line)
            else:
                self._tail.append(line)
                self._tail_size += size
                self._shorten()

    def event(self, event: EngineEvent) -> None:
        """Take an event of the engine."""
        self.progress.take(event)

    def take_log(self, is_last: bool = False) -> str:
        """Return what has come since the last time; at the end, what was held back as well."""
        with self._changing:
            lines, self._new = self._new, []
            if is_last and self._tail:
                if self._left_out:
                    lines.append(f'… {self._left_out} lines are left out …\n')
                lines += self._tail
                self._tail.clear()
        return ''.join(lines)

    def resources(self) -> list[dict[str, Any]]:
        """Return the resources so far, as they are stored."""
        found = [_stored(each) for each in self.progress.resources[:MOST_RESOURCES]]
        return [self.clean.value(each) for each in found]

    def outputs(self) -> dict[str, Any] | None:
        """Return the stack's outputs; None where the operation did not come to that."""
        outputs = self.progress.outputs
        return None if outputs is None else dict(self.clean.value(outputs))

    def changes(self) -> dict[str, int]:
        """Return how many resources are, or would be, created, updated and so on."""
        return dict(Counter(each.operation for each in self.progress.resources))

    def _shorten(self) -> None:
        while self._tail_size > LOG_TAIL:
            self._tail_size -= len(self._tail.popleft().encode())
            self._left_out += 1


def _stored(resource: Resource) -> dict[str, Any]:
    return {
        'name': resource.name,
        'type': resource.type,
        'operation': resource.operation,
        'state': resource.state,
        'seconds': None if resource.seconds is None else round(resource.seconds, 3),
        'differences': [asdict(each) for each in resource.differences[:MOST_DIFFERENCES]],
    }
