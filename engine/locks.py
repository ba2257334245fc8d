"""Locks of files, which the kernel frees when their holder dies."""

from __future__ import annotations

import fcntl
from typing import TextIO


def try_lock(handle: TextIO) -> bool:
    """Lock an open file for this process alone; return False where another one has it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
