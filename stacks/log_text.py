"""A run's output as text that may be kept: no control characters, no known secret."""

from __future__ import annotations

import re
from collections.abc import Collection

from stacks.differences import SECRET

# What a terminal takes for commands: CSI, OSC with its end, other escapes; then C0, C1 and DEL.
ESCAPES = re.compile(
    r'\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]?'
)
CONTROLS = re.compile(r'[\x00-\x08\x0b-\x1f\x7f-\x9f]')
LONGEST_LINE = 8192
CUT = ' … the rest of this line is left out'


class LogText:
    """Cleans output line by line."""

    def __init__(self, secrets: Collection[str]) -> None:
        """Take the secrets whose values must not show."""
        # The longest first: one may be a part of another.
        ordered = sorted(filter(None, secrets), key=len, reverse=True)
        self._secrets = re.compile('|'.join(map(re.escape, ordered))) if ordered else None

    def line(self, text: str) -> str:
        """Return a line without its end, cleaned."""
        text = CONTROLS.sub('', ESCAPES.sub('', text.replace('\r', '\n')).replace('\n', ' '))
        if self._secrets:
            text = self._secrets.sub(SECRET, text)
        return text if len(text) <= LONGEST_LINE else text[:LONGEST_LINE] + CUT
