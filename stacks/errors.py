"""What can be wrong with what somebody asks of the platform.

PlatformError
 ├── NotFoundError      there is no such program, stack or run
 ├── InvalidError       values that cannot be used; all of them are told
 ├── ForbiddenError     this caller may not do that
 ├── ConflictError      not now: something else is under way, or has changed meanwhile
 ├── ChangedError       the stack is not any more as the caller saw it
 └── UnavailableError   the platform is not up yet, or its database does not answer
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class PlatformError(Exception):
    """Base of the platform's errors; the message is for the caller."""


class NotFoundError(PlatformError):
    """There is no such thing."""


@dataclass(frozen=True)
class Flaw:
    """What is wrong with a value.

    pointer: its place, a JSON Pointer (RFC 6901).
    detail: what it must be, never what it was: it may be secret.
    """

    pointer: str
    detail: str


class InvalidError(PlatformError):
    """Values cannot be used."""

    def __init__(self, flaws: Sequence[Flaw]) -> None:
        super().__init__('; '.join(f'{flaw.pointer} {flaw.detail}' for flaw in flaws))
        self.flaws = list(flaws)


class ForbiddenError(PlatformError):
    """The caller may not do that."""


class ConflictError(PlatformError):
    """It cannot be done now.

    kind: a word for programs, as `run-in-progress`.
    run: the id of the run that is in the way; None where it is none.
    """

    def __init__(self, kind: str, message: str, run: str | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.run = run


class ChangedError(PlatformError):
    """The stack has another version than the caller named."""


class UnavailableError(PlatformError):
    """The platform cannot answer now; trying again in `retry_after` seconds may succeed."""

    def __init__(self, message: str, retry_after: int = 2) -> None:
        super().__init__(message)
        self.retry_after = retry_after
