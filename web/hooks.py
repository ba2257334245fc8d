"""Which requests are calls of other services, which prove who they are in their own ways."""

from __future__ import annotations

import re

PATH = '/v1/hooks'
# Bytes of a body: those of the senders are smaller, and a signature is over all of it.
MAX_BODY = 256 * 1024
HOOK = re.compile(f'/*{PATH}/[^/]+')


def is_hook(path: str) -> bool:
    """Tell whether a path is one where other services call."""
    return HOOK.fullmatch(path) is not None
