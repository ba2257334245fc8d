"""A thread that looks again and again for what has to be recovered, off the way of the answers."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)

# Seconds between two looks. What cannot be recovered is tried again ever more rarely, because each
# try starts an engine.
INTERVAL = 5.0
LONGEST_INTERVAL = 600.0


class Sweeper:
    """Calls a function when it starts, and now and then from there on."""

    def __init__(self, sweep: Callable[[], bool]) -> None:
        """Take what to call; it returns whether nothing is left to be done."""
        self._sweep = sweep
        self._stopped = threading.Event()
        # A daemon, or the interpreter would wait for it before anybody is told to stop it.
        self._thread = threading.Thread(target=self._run, name='slot-sweeper', daemon=True)
        self._starting = threading.Lock()

    def start(self) -> None:
        """Start, unless it was started or stopped before."""
        with self._starting:
            if not self._stopped.is_set() and self._thread.ident is None:
                self._thread.start()

    def stop(self) -> None:
        """Let it finish what it is at, and end."""
        with self._starting:
            self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        wait = INTERVAL
        while True:
            wait = INTERVAL if self._sweeps() else min(2 * wait, LONGEST_INTERVAL)
            if self._stopped.wait(wait):
                return

    def _sweeps(self) -> bool:
        try:
            return self._sweep()
        except Exception:
            # A defect, but the next look may still find something that it can do.
            logger.exception('looking for what has to be recovered failed')
            return False
