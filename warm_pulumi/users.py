"""Who runs this, by the system's list of users, which Go's libraries ask first."""

from __future__ import annotations

import os
import pwd
from contextlib import suppress


def home() -> str | None:
    """The home of this user; None where the list does not have the user, as in containers.

    Raises OSError where the list cannot be read.
    """
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        # Python says the same of one that it could not open.
        with suppress(FileNotFoundError):
            os.close(os.open('/etc/passwd', os.O_RDONLY))
        return None
