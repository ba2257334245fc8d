"""What can be wrong with a call from elsewhere.

CallError
 ├── UnknownSourceError  there is no such source
 ├── ForgedError         it is not signed as this source signs, or too long ago
 └── MalformedError      it is signed, but says nothing that can be read
"""

from __future__ import annotations


class CallError(Exception):
    """Base of what is wrong with a call; the message is for its sender."""


class UnknownSourceError(CallError):
    """There is no such source."""


class ForgedError(CallError):
    """The call is not from its source, as far as can be told."""


class MalformedError(CallError):
    """The call cannot be read."""
