"""The engine's process: how it starts and how it ends."""

from __future__ import annotations

import io
import os
import select
import socket
import subprocess
from collections.abc import Callable, Mapping
from contextlib import ExitStack

from . import processes
from .errors import EngineStartError
from .output import pipe

# An engine reads at once what it gets, if it lives at all.
_SEND_LIMIT = 10.0
_CLOSE_LIMIT = 5.0


def start(
    command: list[str], env: Mapping[str, str]
) -> tuple[subprocess.Popen[bytes], socket.socket, io.FileIO]:
    """Starts the engine; returns it with our ends of what it takes requests from and replies to.

    It leads a session, out of reach of a terminal's Ctrl-C.
    """
    with ExitStack() as closing:
        ours, theirs = (closing.enter_context(end) for end in socket.socketpair())
        ours.settimeout(_SEND_LIMIT)
        replies, replies_end = pipe(closing)
        try:
            process = subprocess.Popen(
                [*command, '--replies', str(replies_end.fileno())],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=dict(env),
                pass_fds=[replies_end.fileno()],
                start_new_session=True,
            )
        except OSError as error:
            raise EngineStartError(f'the engine does not start: {error}') from error
        closing.pop_all()
    theirs.close()
    replies_end.close()
    return process, ours, replies


def end(
    owner: int,
    process: subprocess.Popen[bytes],
    requests: socket.socket,
    replies: io.FileIO,
    on_end: Callable[[int], object],
) -> None:
    """Asks the engine to end, which the end of its requests does, and kills what is left then."""
    if os.getpid() != owner:
        return
    requests.close()
    with replies:
        poll = select.poll()
        poll.register(replies, 0)  # For the end alone.
        poll.poll(_CLOSE_LIMIT * 1000)
    processes.kill_session(process.pid)
    processes.reap(process)
    on_end(process.pid)
