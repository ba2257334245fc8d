"""What callers ask the platform for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Key:
    """What makes a request the same one when it is sent again.

    text: what its caller chose, once for each request.
    fingerprint: of what it asks for; the same text with another one is a mistake.
    """

    text: str
    fingerprint: str


@dataclass(frozen=True)
class NewStack:
    """A stack to create.

    ttl: how long it is to last, as `90m`, `8h`, `3d` or `PT8H`; None: for ever.
    preview: whether its first run only tells what there would be; an update by it makes that.
    reason: why, where it was not a person's own wish, as `rule shop-spike`.
    """

    program: str
    name: str
    inputs: dict[str, Any]
    ttl: str | None = None
    description: str = ''
    preview: bool = False
    reason: str = ''
    key: Key | None = None


@dataclass(frozen=True)
class NewRun:
    """An operation to run on a stack.

    inputs: what changes of its inputs; None: nothing.
    like: the id of a run of it whose inputs these change; None: the stack's.
    preview: the id of the preview that an update is decided by; it must still hold.
    accept: whether a refresh takes over what it finds.
    queue: whether to wait for the run that is in the way.
    version: the one that the stack must still have; None: any.
    reason: why, where it was not a person's own wish.
    """

    operation: str
    inputs: dict[str, Any] | None = None
    like: str | None = None
    preview: str | None = None
    accept: bool = False
    queue: bool = False
    version: int | None = None
    reason: str = ''
    key: Key | None = None


@dataclass(frozen=True)
class End:
    """One end of a migration: a URL, or the name of a stack whose secret output `url` is it."""

    url: str | None = None
    stack: str | None = None


@dataclass(frozen=True)
class NewMigration:
    """Tables to move from one database to another.

    tables: only these; none: all. schema: of the target. source_schema: of a PostgreSQL source.
    types: by `table.column`, those of the target that the caller chooses.
    replace: whether tables of the same names are moved into a backup schema.
    allow_rejects: how many rows may be left out because they do not fit.
    plan: whether only a plan is made, and nothing is moved.
    """

    source: End
    target: End
    tables: tuple[str, ...] = ()
    schema: str = 'public'
    source_schema: str = 'public'
    types: tuple[tuple[str, str], ...] = ()
    zero_dates_are_null: bool = False
    replace: bool = False
    allow_rejects: int = 0
    plan: bool = False
    key: Key | None = None


@dataclass(frozen=True)
class StackFilter:
    """Which stacks; None: whichever. text: of which their name or description has something."""

    program: str | None = None
    state: str | None = None
    owner: str | None = None
    text: str | None = None


@dataclass(frozen=True)
class RunFilter:
    """Which runs; None: whichever.

    is_kept: whether their stack must still be there, and be no other one of the same name.
    """

    stack: str | None = None
    operation: str | None = None
    state: str | None = None
    is_kept: bool = False
