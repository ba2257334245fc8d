"""A source of calls: who sends them, and by which secrets that is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from triggers.event import Call, Delivery


@dataclass(frozen=True)
class Source:
    """A source as the rules file has it.

    secrets: the current one, and the one before it where that counts still.
    options: what else its kind needs, by name.
    webhook: of a chat, the URL that takes messages of its own accord; empty without one.
    """

    name: str
    kind: str
    secrets: tuple[str, ...] = field(repr=False)
    options: Mapping[str, str] = field(default_factory=dict)
    webhook: str = field(default='', repr=False)


@dataclass(frozen=True)
class Kind:
    """A kind of sender.

    verify: raises ForgedError for a call that is not a source's; the last is the time now, in
        seconds since 1970.
    read: returns what a call tells, or raises MalformedError; the time is as before.
    options: the names of what its sources may have in the rules file.
    """

    verify: Callable[[Call, Source, float], None]
    read: Callable[[Call, Source, float], Delivery]
    options: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
