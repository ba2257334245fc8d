"""What a set-up has under way: the steps that it shows, and the processes that end with it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.children import Children
from engine.locks import try_lock
from engine.progress import Progress

# Seconds between two looks at a lock: who waits in the kernel cannot be told to give up.
LOOK_EVERY = 0.2


def interrupted_by_signals() -> None:
    """Have SIGTERM and SIGHUP interrupt this process as Ctrl-C does; nohup's stay ignored."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


@dataclass(frozen=True)
class Work:
    """What all parts of one set-up share."""

    progress: Progress
    children: Children

    @contextmanager
    def alone(self, lock: Path, what: str) -> Iterator[None]:
        """Do the body while no other process does such work; show that one is waited for.

        lock: a file, which the kernel unlocks when its holder dies. what: the other one does.

        Raises StoppedError when the set-up is given up before.
        """
        with lock.open('w') as handle:
            if not try_lock(handle):
                with self.progress.step(f'waiting for another process, which {what}'):
                    while not try_lock(handle):
                        self.children.pause(LOOK_EVERY)
            yield


@contextmanager
def under_way() -> Iterator[Work]:
    """Show what is done in the block; at its end, whatever still runs is ended."""
    with Progress('Setting up') as progress, Children() as children:
        yield Work(progress, children)
