"""Runs a command that ends with who asked for it, or as another user: `tied.py PID SIGNAL UID …`.

PID is of the process that asks, SIGNAL what the kernel sends the command when that dies. It has to
start this from a thread which lives as long as the command, as the kernel looks at the thread
(prctl(2), PR_SET_PDEATHSIG). UID is of the user that the command runs as, where root asks. Each may
be empty.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

PR_SET_PDEATHSIG, PR_SET_SECUREBITS, PR_CAP_AMBIENT = 1, 28, 47
PR_CAP_AMBIENT_RAISE = 2
# That a change of the user leaves rights as they are, and access(2) looks at them too.
SECBIT_NO_SETUID_FIXUP = 4
# The rights to pass folders that are closed to others, of which containers have but the second.
CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE = 2, 1
CAPABILITY_VERSION = 0x20080522
LIBC = ctypes.CDLL(None, use_errno=True)


def tied(
    command: Sequence[str], ended_by: signal.Signals = signal.SIGKILL, user: int | None = None
) -> list[str]:
    """Return what runs a command that ends with this process.

    user: the id of the one to run it as; None for this process's own.
    """
    return _script(str(os.getpid()), str(int(ended_by)), user, command)


def as_user(command: Sequence[str], user: int | None) -> list[str]:
    """Return what runs a command as a user; None for this process's own."""
    return list(command) if user is None else _script('', '', user, command)


def main(owner: str, ended_by: str, user: str, command: Sequence[str]) -> None:
    """Become the command; raises OSError when it cannot be started."""
    if user:
        become(int(user))
    if owner:
        # After that: the kernel forgets it when the user changes.
        _check(LIBC.prctl(PR_SET_PDEATHSIG, int(ended_by), 0, 0, 0))
        # It may have died before, and nobody would tell.
        if os.getppid() != int(owner):
            return
    os.execv(command[0], list(command))


def become(user: int) -> None:
    """Go on as a user without rights, but for the one to reach its files in folders of root's.

    Opening these folders to everybody would be worse, and a copy elsewhere would be another place.
    """
    right = next((each for each in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE) if _has(each)), None)
    _check(LIBC.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0))
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    _keep_only(right)
    if right is not None:
        _check(LIBC.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, right, 0, 0))


def _has(right: int) -> bool:
    with open('/proc/self/status') as status:
        mask = next(line.split()[1] for line in status if line.startswith('CapPrm'))
    return bool(int(mask, 16) >> right & 1)


def _keep_only(right: int | None) -> None:
    mask = 0 if right is None else 1 << right
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    # Effective, permitted, inheritable; of the lower and of the upper rights.
    _check(LIBC.capset(header, (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)))


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _script(owner: str, ended_by: str, user: int | None, command: Sequence[str]) -> list[str]:
    who = '' if user is None else str(user)
    return [sys.executable, '-I', '-S', __file__, owner, ended_by, who, *command]


if __name__ == '__main__':
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
