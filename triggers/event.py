"""Calls in one form, whoever sends them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

# What begins and ends, as alerts do; and what only happens.
FIRING, RESOLVED, ONCE = STATUSES = ('firing', 'resolved', 'once')


@dataclass(frozen=True)
class Call:
    """A request as it came: its headers by their names in lower case, and its body."""

    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """Return a header; empty without one."""
        return self.headers.get(name.lower(), '')


@dataclass(frozen=True)
class Event:
    """Something that a sender tells of.

    status: of STATUSES. name: what people call it.
    fingerprint: what is the same each time that it begins again.
    episode: what is the same from one begin to its end.
    labels: what rules go by. url: where people read more of it; empty without one.
    """

    status: str
    name: str
    fingerprint: str
    episode: str
    labels: Mapping[str, str] = field(default_factory=dict)
    url: str = ''


@dataclass(frozen=True)
class Delivery:
    """What one call tells.

    key: what is the same when the same call comes again; empty where a sender repeats itself on
        purpose.
    note: what its reader should know of it; empty for nothing.
    """

    events: Sequence[Event]
    key: str = ''
    note: str = ''
