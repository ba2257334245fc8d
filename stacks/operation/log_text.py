"""A run's output as text that may be kept: no control characters, no known secret."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

from stacks.operation.marks import SECRET
from stacks.program_inputs import SHORTEST_SECRET

# What a terminal takes for commands: CSI, OSC with its end, other escapes; then C0, C1 and DEL.
ESCAPES = re.compile(r'\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]?')
CONTROLS = re.compile(r'[\x00-\x08\x0b-\x1f\x7f-\x9f]')
BOOLEANS = {'true', 'false'}
LONGEST_LINE = 8192
CUT = ' … the rest of this line is left out'


class LogText:
    """Cleans output line by line."""

    def __init__(self, secrets: Collection[str]) -> None:
        """Take the secrets whose values must not show."""
        # The longest first: one may be a part of another.
        known = {form for each in secrets for form in _forms(each) if _is_telling(form)}
        ordered = sorted(known, key=len, reverse=True)
        self._secrets = re.compile('|'.join(map(re.escape, ordered))) if ordered else None

    def line(self, text: str) -> str:
        """Return a line without its end, cleaned."""
        text = self._masked(_printable(text))
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
        if isinstance(value, list):
            return [self.value(part) for part in value]
        return SECRET if self._is_secret(value) else value

    def _masked(self, text: str) -> str:
        return self._secrets.sub(SECRET, text) if self._secrets else text

    def _is_secret(self, value: Any) -> bool:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return bool(is_number and self._secrets and self._secrets.fullmatch(str(value)))


def _is_telling(text: str) -> bool:
    # A boolean may be secret too, but all others would not be legible without it.
    return len(text) >= SHORTEST_SECRET and text not in BOOLEANS


def _forms(secret: str) -> Iterator[str]:
    """Yield how a secret may show: whole, line by line, and as other texts have it in them."""
    for whole in {secret, secret.strip()}:
        yield whole
        yield _printable(whole)
        if _is_telling(whole):
            yield from _quoted(whole)
            yield from _encoded(whole)
    for line in secret.splitlines():
        yield line
        yield line.strip()


def _quoted(secret: str) -> Iterator[str]:
    """Yield a secret as it is within JSON, within Python's own form, and within a URL."""
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield quote(secret, errors='replace')
    yield quote(secret, safe='', errors='replace')
    yield quote_plus(secret, errors='replace')


def _encoded(secret: str) -> Iterator[str]:
    """Yield a secret in base64, with and without its padding."""
    data = secret.encode(errors='replace')
    for text in (base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()):
        yield text
        yield text.rstrip('=')


def _printable(text: str) -> str:
    """Return text as one line, without what a terminal takes for commands."""
    text = CONTROLS.sub('', ESCAPES.sub('', text.replace('\r', '\n')).replace('\n', ' '))
    return text.encode(errors='replace').decode()
