"""A run's output as text that may be kept: no control characters, no known secret."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from stacks.operation.differences import SECRET
from stacks.programs import SHORTEST_SECRET

# What a terminal takes for commands: CSI, OSC with its end, other escapes; then C0, C1 and DEL.
ESCAPES = re.compile(r'\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]?')
CONTROLS = re.compile(r'[\x00-\x08\x0b-\x1f\x7f-\x9f]')
LONGEST_LINE = 8192
CUT = ' … the rest of this line is left out'


class LogText:
    """Cleans output line by line."""

    def __init__(self, secrets: Collection[str]) -> None:
        """Take the secrets whose values must not show."""
        # Also line by line, as a log has them. The longest first: one may be a part of another.
        known = {*secrets, *(line for each in secrets for line in each.splitlines())}
        long_enough = (each for each in known if len(each) >= SHORTEST_SECRET)
        ordered = sorted(long_enough, key=len, reverse=True)
        self._secrets = re.compile('|'.join(map(re.escape, ordered))) if ordered else None

    def line(self, text: str) -> str:
        """Return a line without its end, cleaned."""
        text = CONTROLS.sub('', ESCAPES.sub('', text.replace('\r', '\n')).replace('\n', ' '))
        text = self._masked(text.encode(errors='replace').decode())
        return text if len(text) <= LONGEST_LINE else text[:LONGEST_LINE] + CUT

    def text(self, text: str) -> str:
        """Return several lines, each cleaned."""
        return '\n'.join(map(self.line, text.splitlines()))

    def value(self, value: Any) -> Any:
        """Return a value that JSON knows, without the secrets in its texts."""
        if isinstance(value, str):
            return self._masked(value)
        if isinstance(value, dict):
            return {self._masked(str(key)): self.value(part) for key, part in value.items()}
        return [self.value(part) for part in value] if isinstance(value, list) else value

    def _masked(self, text: str) -> str:
        return self._secrets.sub(SECRET, text) if self._secrets else text
