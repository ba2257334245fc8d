"""Runs a command that the kernel kills when who asked for it dies: `tied.py PID COMMAND...`.

PID is of the process that asks. That has to start this from a thread which lives as long as the
command, as the kernel looks at the thread (prctl(2), PR_SET_PDEATHSIG).
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG = 1


def tied(command: Sequence[str]) -> list[str]:
    """Return what runs a command that ends with this process."""
    return [sys.executable, '-I', '-S', __file__, str(os.getpid()), *command]


def main(owner: int, command: Sequence[str]) -> None:
    """Become the command; raises OSError when it cannot be started."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
        raise OSError(ctypes.get_errno(), 'prctl')
    # It may have died before, and nobody would tell.
    if os.getppid() == owner:
        os.execv(command[0], list(command))


if __name__ == '__main__':
    main(int(sys.argv[1]), sys.argv[2:])
