"""Gunicorn's thread worker, guarded, with a shutdown that turns new clients away at once."""

from __future__ import annotations

import os
import signal
import threading
import time
from types import FrameType
from typing import Any

from web import draining
from web.connections import GuardedWorker

# What ends a service. gunicorn's own handlers, which a new worker inherits, would lose them.
ENDS = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}
# Seconds between two signs of life, a small part of gunicorn's `timeout`.
BEAT = 1.0


class Worker(GuardedWorker):
    """Closes its door at SIGTERM, while what runs inside is finished.

    The stock worker keeps the listening socket open until the last request ended: the kernel goes
    on taking connections, and their clients wait for an answer that never comes.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        # The master forks next. What comes meanwhile waits until somebody can hear it.
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)

    def init_process(self) -> None:
        # Until gunicorn sets its handlers, nothing has begun that had to be ended.
        for each in ENDS:
            signal.signal(each, signal.SIG_DFL)
        _hear_ends()
        super().init_process()

    def run(self) -> None:
        # gunicorn closes its own as soon as this returns.
        heartbeat = os.dup(self.tmp.fileno())
        super().run()
        # The last answer is given, but stacks may still be put in order before the process ends.
        # Whoever shows no sign of life then is taken for one that hangs.
        threading.Thread(target=self._live_on, args=[heartbeat], daemon=True).start()
        draining.finish()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        draining.begin()
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """End as at SIGTERM: what runs would leave its resources behind, and a lock."""
        self.handle_exit(sig, frame)

    def is_parent_alive(self) -> bool:
        """Tell whether gunicorn's master lives; without it, nobody would tell us to shut down."""
        alive = bool(super().is_parent_alive())
        if not alive:
            draining.begin()
        return alive

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if draining.is_draining():
            for listener in self.sockets:
                listener.close()

    def _live_on(self, heartbeat: int) -> None:
        ends_at = time.monotonic() + self.cfg.graceful_timeout
        while (now := time.monotonic()) < ends_at:
            os.utime(heartbeat, (now, now))
            time.sleep(BEAT)  # nothing to wait for: gunicorn looks at a clock


def _hear_ends() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS)


os.register_at_fork(after_in_parent=_hear_ends)
