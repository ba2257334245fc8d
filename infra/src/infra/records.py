"""What the service says of programs, stacks and runs, as values.

Each has all that was said in `json`. Members that this version does not know are in there only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from infra.errors import AnswerError

Json = dict[str, Any]
Value = TypeVar('Value')

SUCCEEDED = 'succeeded'
# All others have ended.
ACTIVE = ('queued', 'running')


def _json() -> Any:
    return field(repr=False, compare=False)


@dataclass(frozen=True)
class Program:
    """A program of the catalogue.

    available: whether stacks can be made of it; else reason says why not.
    inputs: a JSON Schema of what it takes.
    """

    name: str
    title: str
    description: str
    category: str
    available: bool
    reason: str | None
    inputs: Json
    json: Json = _json()

    @classmethod
    def of(cls, said: Json) -> Program:
        """Return what the service says; raises AnswerError."""
        return cls(
            name=_get(said, 'name', str),
            title=_get(said, 'title', str),
            description=_get(said, 'description', str),
            category=_get(said, 'category', str),
            available=_get(said, 'available', bool),
            reason=_maybe(said, 'reason', str),
            inputs=_get(said, 'inputs', dict),
            json=said,
        )


@dataclass(frozen=True)
class Drift:
    """What was found changed outside of the service, counted by `update`, `delete` and so on."""

    checked_at: datetime
    changes: dict[str, int]


@dataclass(frozen=True)
class Stack:
    """A stack.

    inputs, outputs: secrets as `[secret]`.
    drift: None where nobody has looked. last_run: the id of its last run.
    """

    name: str
    program: str
    state: str
    description: str
    inputs: Json
    outputs: Json
    owner: str
    created_at: datetime
    expires_at: datetime | None
    protected: bool
    drift: Drift | None
    last_run: str | None
    version: int
    json: Json = _json()

    @classmethod
    def of(cls, said: Json) -> Stack:
        """Return what the service says; raises AnswerError."""
        drift = _maybe(said, 'drift', dict)
        return cls(
            name=_get(said, 'name', str),
            program=_get(said, 'program', str),
            state=_get(said, 'state', str),
            description=_get(said, 'description', str),
            inputs=_get(said, 'inputs', dict),
            outputs=_get(said, 'outputs', dict),
            owner=_get(said, 'owner', str),
            created_at=_moment(_get(said, 'created_at', str)),
            expires_at=_maybe_moment(said, 'expires_at'),
            protected=_get(said, 'protected', bool),
            drift=None if drift is None else _drift(drift),
            last_run=_maybe(said, 'last_run', str),
            version=_get(said, 'version', int),
            json=said,
        )


@dataclass(frozen=True)
class StackResource:
    """A resource that a stack consists of.

    id: at its provider; None where it has none. parent: the urn of its parent; None: the stack.
    """

    urn: str
    type: str
    name: str
    id: str | None
    parent: str | None
    json: Json = _json()

    @classmethod
    def of(cls, said: Json) -> StackResource:
        """Return what the service says; raises AnswerError."""
        return cls(
            urn=_get(said, 'urn', str),
            type=_get(said, 'type', str),
            name=_get(said, 'name', str),
            id=_maybe(said, 'id', str),
            parent=_maybe(said, 'parent', str),
            json=said,
        )


@dataclass(frozen=True)
class RunError:
    """Why a run failed; resource: the name of the one that failed, if it was one."""

    message: str
    resource: str | None
    detail: str | None


@dataclass(frozen=True)
class Difference:
    """A property that changes.

    old, new: None where there is none. replaces: whether the resource is replaced because of it.
    """

    path: str
    old: Any
    new: Any
    replaces: bool = False

    @classmethod
    def of(cls, said: Json) -> Difference:
        """Return what the service says; raises AnswerError."""
        path = _get(said, 'path', str)
        return cls(path, said.get('old'), said.get('new'), said.get('replaces') is True)


@dataclass(frozen=True)
class Resource:
    """A resource that a run deals with.

    operation: `create`, `update`, `replace`, `delete`, `same` or another word of Pulumi's.
    state: `running`, `done` or `failed`.
    """

    name: str
    type: str
    operation: str
    state: str
    seconds: float | None
    differences: tuple[Difference, ...]

    @classmethod
    def of(cls, said: Json) -> Resource:
        """Return what the service says; raises AnswerError."""
        seconds = said.get('seconds')
        return cls(
            name=_get(said, 'name', str),
            type=_get(said, 'type', str),
            operation=_get(said, 'operation', str),
            state=_get(said, 'state', str),
            seconds=seconds if isinstance(seconds, int | float) else None,
            differences=tuple(map(Difference.of, objects(said, 'differences'))),
        )


@dataclass(frozen=True)
class Run:
    """One operation on a stack: `preview`, `update`, `refresh` or `destroy`.

    error: None when nothing failed.
    changes: how many resources were, or would be, created, updated and so on.
    preview: the id of the preview that an update was decided by.
    resources: empty in lists of runs.
    """

    id: str
    stack: str
    program: str
    operation: str
    state: str
    error: RunError | None
    changes: dict[str, int]
    caller: str
    reason: str
    preview: str | None
    cancel_requested: bool
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    resources: tuple[Resource, ...]
    json: Json = _json()

    @property
    def has_ended(self) -> bool:
        """Whether nothing of this changes any more."""
        return self.ended_at is not None

    @property
    def has_succeeded(self) -> bool:
        """Whether it has ended, and well."""
        return self.state == SUCCEEDED

    @classmethod
    def of(cls, said: Json) -> Run:
        """Return what the service says; raises AnswerError."""
        error = _maybe(said, 'error', dict)
        return cls(
            id=_get(said, 'id', str),
            stack=_get(said, 'stack', str),
            program=_get(said, 'program', str),
            operation=_get(said, 'operation', str),
            state=_get(said, 'state', str),
            error=None if error is None else _run_error(error),
            changes=_get(said, 'changes', dict),
            caller=_get(said, 'caller', str),
            reason=_get(said, 'reason', str),
            preview=_maybe(said, 'preview', str),
            cancel_requested=_get(said, 'cancel_requested', bool),
            created_at=_moment(_get(said, 'created_at', str)),
            started_at=_maybe_moment(said, 'started_at'),
            ended_at=_maybe_moment(said, 'ended_at'),
            resources=tuple(map(Resource.of, objects(said, 'resources'))),
            json=said,
        )


@dataclass(frozen=True)
class MoveProgress:
    """How far a migration is in a step of it; seconds_left: None where nobody knows."""

    step: str
    rows: int
    total: int
    rate: float
    seconds_left: float | None

    @classmethod
    def of(cls, said: Json) -> MoveProgress:
        """Return what the service says; raises AnswerError."""
        left = said.get('seconds_left')
        rate = said.get('rate')
        return cls(
            step=_get(said, 'step', str),
            rows=_get(said, 'rows', int),
            total=_get(said, 'total', int),
            rate=rate if isinstance(rate, int | float) else 0.0,
            seconds_left=left if isinstance(left, int | float) else None,
        )


@dataclass(frozen=True)
class Migration:
    """Tables on their way from one database to another.

    run: the id of its last run, of which operation, state and error are.
    operation: `plan`, `migrate` or `abandon`.
    plan: None before it was made, and in lists. rejects: empty in lists.
    rows: how many were moved, once all is done. backup: the schema with what was replaced.
    """

    id: str
    run: str
    operation: str
    state: str
    source: str
    target: str
    plan: Json | None
    progress: MoveProgress | None
    rejects: tuple[Json, ...]
    rows: int | None
    backup: str | None
    error: RunError | None
    caller: str
    created_at: datetime
    ended_at: datetime | None
    json: Json = _json()

    @property
    def has_ended(self) -> bool:
        """Whether nothing of this changes until somebody asks for more."""
        return self.ended_at is not None

    @property
    def has_succeeded(self) -> bool:
        """Whether its last run has ended, and well."""
        return self.state == SUCCEEDED

    @property
    def refusals(self) -> list[str]:
        """What stands in the way of its plan, each with its place."""
        return [f'{where}: {text}' for where, level, text in self.notes if level == 'refused']

    @property
    def notes(self) -> list[tuple[str, str, str]]:
        """What its plan says of differences: where, `widened`, `lost` or `refused`, and why."""
        plan = self.plan or {}
        found = _notes('database', plan)
        for table in objects(plan, 'tables'):
            found += _notes(str(table.get('name')), table)
            for column in objects(table, 'columns'):
                found += _notes(f'{table.get("name")}.{column.get("name")}', column)
        return found

    @classmethod
    def of(cls, said: Json) -> Migration:
        """Return what the service says; raises AnswerError."""
        error, progress = _maybe(said, 'error', dict), _maybe(said, 'progress', dict)
        return cls(
            id=_get(said, 'id', str),
            run=_get(said, 'run', str),
            operation=_get(said, 'operation', str),
            state=_get(said, 'state', str),
            source=_get(said, 'source', str),
            target=_get(said, 'target', str),
            plan=_maybe(said, 'plan', dict),
            progress=None if progress is None else MoveProgress.of(progress),
            rejects=tuple(objects(said, 'rejects')),
            rows=_maybe(said, 'rows', int),
            backup=_maybe(said, 'backup', str),
            error=None if error is None else _run_error(error),
            caller=_get(said, 'caller', str),
            created_at=_moment(_get(said, 'created_at', str)),
            ended_at=_maybe_moment(said, 'ended_at'),
            json=said,
        )


@dataclass(frozen=True)
class TriggerEvent:
    """What a call of another service told, and what was decided by a rule.

    outcome: `started`, `waiting`, `skipped` and so on; reason: why.
    run: the id of the run that came of it; None where none did.
    """

    id: str
    source: str
    rule: str
    status: str
    name: str
    outcome: str
    reason: str
    stack: str
    run: str | None
    received_at: datetime
    json: Json = _json()

    @classmethod
    def of(cls, said: Json) -> TriggerEvent:
        """Return what the service says; raises AnswerError."""
        names = ('id', 'source', 'rule', 'status', 'name', 'outcome', 'reason', 'stack')
        return cls(
            **{name: _get(said, name, str) for name in names},
            run=_maybe(said, 'run', str),
            received_at=_moment(_get(said, 'received_at', str)),
            json=said,
        )


@dataclass(frozen=True)
class RuleFlaw:
    """What is wrong with a file of rules; field: where in it, as `rule.spike.scale`."""

    line: int
    field: str
    detail: str
    json: Json = _json()

    @classmethod
    def of(cls, said: Json) -> RuleFlaw:
        """Return what the service says; raises AnswerError."""
        field, detail = _get(said, 'field', str), _get(said, 'detail', str)
        return cls(_get(said, 'line', int), field, detail, json=said)


@dataclass(frozen=True)
class LogPart:
    """Some of a run's log.

    offset, next: bytes before this part, and before the one after it.
    complete: whether nothing will come any more. state: the run's.
    """

    offset: int
    next: int
    text: str
    complete: bool
    state: str
    json: Json = _json()

    @property
    def is_last(self) -> bool:
        """Whether nothing will come, also where a run has ended without its log saying so."""
        return self.complete or (self.state not in ACTIVE and not self.text)

    @classmethod
    def of(cls, said: Json) -> LogPart:
        """Return what the service says; raises AnswerError."""
        return cls(
            offset=_get(said, 'offset', int),
            next=_get(said, 'next', int),
            text=_get(said, 'text', str),
            complete=_get(said, 'complete', bool),
            state=_get(said, 'state', str),
            json=said,
        )


def objects(said: Json, name: str) -> list[Json]:
    """Return a member that is a list of objects, empty where it is missing.

    Raises AnswerError.
    """
    found = said.get(name, [])
    if isinstance(found, list) and all(isinstance(each, dict) for each in found):
        return found
    raise _unlike(name)


def _notes(where: str, said: Json) -> list[tuple[str, str, str]]:
    found = objects(said, 'notes')
    return [(where, str(each.get('level')), str(each.get('text'))) for each in found]


def _drift(said: Json) -> Drift:
    return Drift(_moment(_get(said, 'checked_at', str)), _get(said, 'changes', dict))


def _run_error(said: Json) -> RunError:
    return RunError(
        _get(said, 'message', str), _maybe(said, 'resource', str), _maybe(said, 'detail', str)
    )


def _get(said: Mapping[str, Any], name: str, kind: type[Value]) -> Value:
    found = said.get(name)
    if isinstance(found, kind):
        return found
    raise _unlike(name)


def _maybe(said: Mapping[str, Any], name: str, kind: type[Value]) -> Value | None:
    return None if said.get(name) is None else _get(said, name, kind)


def _moment(text: str) -> datetime:
    # Python 3.10 knows no `Z`.
    try:
        found = datetime.fromisoformat(text.replace('Z', '+00:00'))
    except ValueError:
        raise AnswerError(f'The service has a time in its answer that is none: {text!r}.') from None
    if found.tzinfo is None:
        raise AnswerError(f'The service has a time without a zone in its answer: {text!r}.')
    return found


def _maybe_moment(said: Mapping[str, Any], name: str) -> datetime | None:
    text = _maybe(said, name, str)
    return None if text is None else _moment(text)


def _unlike(name: str) -> AnswerError:
    return AnswerError(
        f'The answer has no {name} as this client knows it. Is the url right, and is the client as '
        'new as the service?'
    )
