"""Gunicorn's thread worker, guarded, with a shutdown that turns new clients away at once."""

from __future__ import annotations

from types import FrameType

from web import draining
from web.connections import GuardedWorker


class Worker(GuardedWorker):
    """Closes its door at SIGTERM, while what runs inside is finished.

    The stock worker keeps the listening socket open until the last request ended: the kernel goes
    on taking connections, and their clients wait for an answer that never comes.
    """

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        draining.begin()
        super().handle_exit(sig, frame)

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if not self.alive:
            for listener in self.sockets:
                listener.close()
