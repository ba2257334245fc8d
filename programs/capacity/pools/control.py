"""What gunicorn's control socket answers: how many workers there are; more and fewer of them."""

import os
from pathlib import Path
from typing import Any

# Its name in the pool's folder; served/pool.py has it too.
SOCKET = 'control'
# Seconds for one answer.
PATIENCE = 5.0


class UnreachableError(Exception):
    """Nobody answers: the pool has ended, or it just starts a worker, and will answer again."""


def ask(folder: Path, command: str) -> dict[str, Any]:
    """Return what the pool in a folder answers.

    command: as gunicornc takes it, such as `show stats`.

    Raises UnreachableError; what it was asked for may be done all the same.
    """
    # Only who uses it waits for its import.
    from gunicorn.ctl.client import ControlClient, ControlClientError

    try:
        handle = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    except OSError as error:
        raise UnreachableError from error
    try:
        # The address of a socket has room for 107 bytes, and a folder may have a longer one.
        with ControlClient(f'/proc/self/fd/{handle}/{SOCKET}', timeout=PATIENCE) as client:
            return dict(client.send_command(command))
    except ControlClientError as error:
        raise UnreachableError from error
    finally:
        os.close(handle)
