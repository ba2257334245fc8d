"""What the platform knows of a stack and of a run, as people may see it: without secrets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

# One operation on a stack.
PREVIEW, UPDATE, REFRESH, DESTROY = OPERATIONS = ('preview', 'update', 'refresh', 'destroy')
# Those that look at, or apply, what the program makes of its inputs.
TAKES_INPUTS = (PREVIEW, UPDATE)
# What is done with a migration, which is a run as those are, but of no stack.
PLAN, MIGRATE, ABANDON = OF_MIGRATIONS = ('plan', 'migrate', 'abandon')
# Why there is a run that nobody asked for.
EXPIRED, SCHEDULED = 'expired', 'drift check'
# Of a run. Those after the second have ended.
QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED, INTERRUPTED = RUN_STATES = (
    *('queued', 'running'),
    *('succeeded', 'failed', 'cancelled', 'interrupted'),
)
ACTIVE = (QUEUED, RUNNING)
ENDED = (SUCCEEDED, FAILED, CANCELLED, INTERRUPTED)
# What others may be told of: how a run has ended by its state, and the rest.
RUN_ENDED = {state: f'run.{state}' for state in ENDED}
DRIFT_FOUND, EXPIRY_NEAR, EXPIRY_FAILED = 'drift.found', 'expiry.near', 'expiry.failed'
EVENTS = (*RUN_ENDED.values(), DRIFT_FOUND, EXPIRY_NEAR, EXPIRY_FAILED)
# Of a delivery. It is dropped when its destination is disabled, or is not in the settings any more.
WAITING, DELIVERED, GIVEN_UP, DROPPED = DELIVERY_STATES = (
    *('waiting', 'delivered', 'failed', 'dropped'),
)
# Of a stack. It is incomplete when its last update was cancelled or interrupted.
STACK_STATES = ('creating', 'ready', 'updating', 'destroying', 'failed', 'incomplete')
# What it is while something is done with it; other operations leave its state as it is.
MEANWHILE = {UPDATE: 'updating', DESTROY: 'destroying'}

Item = TypeVar('Item')


class Caller(Protocol):
    """Who asks for something."""

    @property
    def name(self) -> str: ...

    @property
    def programs(self) -> frozenset[str] | None:
        """The programs that the caller may use; None for all."""

    def may(self, role: str) -> bool:
        """Tell whether the caller is at least that: `reader`, `user` or `operator`."""

    def may_use(self, program: str) -> bool:
        """Tell whether the caller may use a program."""


@dataclass(frozen=True)
class Stack:
    """A stack that lasts.

    inputs, outputs: secrets as `[secret]`.
    drift: what was found changed outside, `{"checked_at": …, "changes": {"update": 1}}`, or None
        where nobody looked.
    last_run: the id of its last run; None when that is not kept any more.
    version: goes up with each change of any of this.
    """

    name: str
    program: str
    state: str
    description: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    owner: str
    created_at: datetime
    expires_at: datetime | None
    protected: bool
    drift: dict[str, Any] | None
    last_run: str | None
    version: int


@dataclass(frozen=True)
class Run:
    """One operation on a stack.

    digest: of the program's folder (see programs.digest); empty until it began.
    caller: who asked for it. reason: why, where nobody did, as `expired`.
    accept: whether a refresh takes over what it finds.
    preview: the id of the preview that an update was decided by.
    inputs: those that it runs with, secrets as `[secret]`.
    error: `{"message": …, "resource": name or None, "detail": …}`; None when nothing failed.
    resources: each `{"name", "type", "operation", "state", "seconds", "differences"}`; empty in
        lists of runs.
    changes: how many resources were, or would be, created, updated and so on.
    attempts: how often it was begun; more than one when a service died meanwhile.
    """

    id: str
    stack: str
    program: str
    digest: str
    operation: str
    state: str
    caller: str
    reason: str
    accept: bool
    preview: str | None
    inputs: dict[str, Any]
    error: dict[str, Any] | None
    resources: list[dict[str, Any]]
    changes: dict[str, int]
    attempts: int
    cancel_requested: bool
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def has_ended(self) -> bool:
        """Whether nothing of this changes any more."""
        return self.state in ENDED


@dataclass(frozen=True)
class Migration:
    """Tables on their way from one database to another.

    run: the id of its last run; operation, state, error and the times but the first are that one's.
    source, target: without passwords; `stack NAME` where it is the database of a stack.
    types: by `table.column`, those that were chosen.
    plan: as migrations.plans has it; None before it was made, and in lists.
    progress: `{"step", "rows", "total", "rate", "seconds_left"}`; None before it began.
    rejects: what was left out, each `{"table", "key", "column", "value", "reason"}`, the first
        1,000; empty in lists. left_out: how many there are in all.
    moved: the rows of each table, once all is done, which were compared; empty in lists.
    rows: how many these are. backup: the schema with what was replaced.
    """

    id: str
    run: str
    operation: str
    state: str
    source: str
    target: str
    tables: list[str]
    schema: str
    source_schema: str
    types: dict[str, str]
    zero_dates_are_null: bool
    replace: bool
    allow_rejects: int
    plan: dict[str, Any] | None
    progress: dict[str, Any] | None
    rejects: list[dict[str, Any]]
    left_out: int
    moved: dict[str, int]
    rows: int | None
    backup: str | None
    error: dict[str, Any] | None
    caller: str
    cancel_requested: bool
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def has_ended(self) -> bool:
        """Whether nothing of this changes until somebody asks for more."""
        return self.state in ENDED


@dataclass(frozen=True)
class Notification:
    """An event on its way to a destination, or there.

    event: the id that the receiver knows it by, whatever the attempt.
    destination: its name in the settings.
    status, answer: of the last attempt; the status is None where there was no answer.
    due_at: when it is sent next; None once it is not any more.
    """

    id: str
    event: str
    type: str
    stack: str
    run: str | None
    destination: str
    state: str
    attempts: int
    status: int | None
    answer: str
    created_at: datetime
    answered_at: datetime | None
    due_at: datetime | None


@dataclass(frozen=True)
class ListedStack:
    """A stack in a list for people.

    last_run: without its resources; None when it is not kept any more.
    """

    stack: Stack
    last_run: Run | None


def own_error(message: str) -> dict[str, Any]:
    """Return a run's error, as Run has it, that is neither a resource's nor in Pulumi's words."""
    return {'message': message, 'resource': None, 'detail': ''}


@dataclass(frozen=True)
class LogPart:
    """Some of a run's log.

    offset, next: bytes before this part, and before the one after it.
    complete: whether this is the end of a run that has ended.
    state: the run's. resources_done: how many of its resources have been dealt with.
    """

    offset: int
    next: int
    text: str
    complete: bool
    state: str
    resources_done: int


@dataclass(frozen=True)
class Page(Generic[Item]):
    """A part of a list; next: the cursor of the part after it, None at the end."""

    items: Sequence[Item]
    next: str | None
