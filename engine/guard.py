"""Runs a command that cannot outlive who asked for it: `guard.py SECONDS COMMAND...`.

Its input is a pipe that the asker holds open. The kernel closes it when the asker ends, be it by
SIGKILL; then, or when the time is up, the guard ends the command and all that this has started.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

# Seconds that a command has, once it is asked to end, to end what it has started elsewhere.
GRACE = 2.0
NOT_STARTED = 127


def guarded(command: Sequence[str], seconds: float) -> list[str]:
    """Return what runs a command under a guard, which needs a session and a life()."""
    return [sys.executable, '-I', '-S', __file__, str(seconds), *command]


@contextmanager
def life() -> Iterator[int]:
    """Yield the input of a guard: its command may run as long as the block and this process."""
    theirs, ours = os.pipe()
    try:
        yield theirs
    finally:
        os.close(ours)
        os.close(theirs)


def main(seconds: float, command: Sequence[str]) -> int:
    """Run the command to its end; return its exit code as a shell does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            # A group, which is killed as one, without the guard. There are no other threads here.
            preexec_fn=os.setpgrp,  # noqa: PLW1509
        )
    except OSError as error:
        print(error, file=sys.stderr)
        return NOT_STARTED
    ended = os.pidfd_open(child.pid)
    try:
        if not select.select([ended, sys.stdin], [], [], seconds)[0]:
            print(f'Stopped: it was not done after {seconds:.0f} seconds.', file=sys.stderr)
    finally:
        _end(child, ended)
    code = child.wait()
    return code if code >= 0 else 128 - code


def _end(child: subprocess.Popen[bytes], ended: int) -> None:
    """End a group. Its number stays its own until its leader is waited for, which is later."""
    try:
        if not select.select([ended], [], [], 0)[0]:
            os.killpg(child.pid, signal.SIGTERM)
            select.select([ended], [], [], GRACE)
    finally:
        os.killpg(child.pid, signal.SIGKILL)


if __name__ == '__main__':
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
