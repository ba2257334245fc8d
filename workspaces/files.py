"""Files of which nobody ever sees a part."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path


def make_once(file: Path, text: str) -> None:
    """Make a file for the owner alone, whole from the start, unless there is one.

    Of two processes the first counts. A maker that is killed may leave a file with a dot before
    its name.
    """
    if file.exists():
        return
    new = file.with_name(f'.{file.name}.{secrets.token_hex(4)}')
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), 'w') as handle:
        handle.write(text)
    try:
        with suppress(FileExistsError):
            os.link(new, file)
    finally:
        new.unlink()
