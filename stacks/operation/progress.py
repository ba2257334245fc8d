"""What goes on in an operation, from its events: resources, what changes in them, what fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from pulumi.automation import EngineEvent
from pulumi.automation.events import StepEventMetadata

from stacks.operation.differences import Difference, differences, shown
from stacks.operation.marks import name_of

STACK_TYPE = 'pulumi:pulumi:Stack'
PROVIDER_TYPE = 'pulumi:providers:'
# Steps of one replacement; people see the replacement.
DELETE_REPLACED = 'delete-replaced'
REFRESH = 'refresh'
PARTS = {'create-replacement': 'replace', DELETE_REPLACED: 'replace'}


@dataclass
class Resource:
    """A resource of an operation.

    operation: what is done with it, in Pulumi's words: create, update, replace, delete, same…
    state: `running`, `done` or `failed`. seconds: how long it took, None while it runs.
    is_looked_at: whether this is of a refresh, which something else may follow.
    """

    urn: str
    type: str
    operation: str
    state: str = 'running'
    seconds: float | None = None
    is_looked_at: bool = False
    differences: list[Difference] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name that the program gave it."""
        return name_of(self.urn)


@dataclass(frozen=True)
class Failure:
    """What went wrong, and with which resource: its urn, empty where it is none's."""

    urn: str
    message: str


class Progress:
    """Takes the events of one operation in turn; may be looked at from other threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.outputs: dict[str, Any] | None = None
        self.changes: dict[str, int] = {}
        self.failures: list[Failure] = []
        self._resources: dict[str, Resource] = {}
        self._started: dict[str, float] = {}
        self._clock = clock
        self._changing = threading.Lock()

    @property
    def resources(self) -> list[Resource]:
        """All resources so far, in the order in which they were begun."""
        with self._changing:
            return list(self._resources.values())

    def take(self, event: EngineEvent) -> None:
        """Take an event."""
        with self._changing:
            if event.resource_pre_event:
                self._begin(event.resource_pre_event.metadata)
            elif event.res_outputs_event:
                self._end(event.res_outputs_event.metadata, 'done')
            elif event.res_op_failed_event:
                self._end(event.res_op_failed_event.metadata, 'failed')
            elif event.diagnostic_event and event.diagnostic_event.severity == 'error':
                self._fail(event.diagnostic_event.urn or '', event.diagnostic_event.message)
            elif event.summary_event:
                counts = event.summary_event.resource_changes
                self.changes = {str(getattr(op, 'value', op)): n for op, n in counts.items()}

    def _begin(self, step: StepEventMetadata) -> None:
        if is_shown(step.type):
            operation = PARTS.get(step.op.value, step.op.value)
            known = self._resources.get(step.urn)
            if known is None or (known.is_looked_at and operation != REFRESH):
                known = Resource(step.urn, step.type, operation, is_looked_at=operation == REFRESH)
                self._resources[step.urn] = known
                self._started[step.urn] = self._clock()
            known.state, known.seconds = 'running', None
            # Of a replacement that begins with it, this step knows but the old side.
            if step.op.value != DELETE_REPLACED:
                known.differences = known.differences or _differences(step, 'inputs')

    def _end(self, step: StepEventMetadata, state: str) -> None:
        if step.type == STACK_TYPE and state == 'done' and step.new and step.op.value != 'delete':
            self.outputs = dict(shown(dict(step.new.outputs or {})))
        known = self._resources.get(step.urn)
        if known is None:
            return
        known.state = state
        known.seconds = self._clock() - self._started[step.urn]
        if known.operation == REFRESH:
            # What was found outside: only its end tells.
            is_changed = step.op.value in ('update', 'delete')
            known.operation = step.op.value if is_changed else 'same'
            known.differences = _differences(step, 'outputs') if is_changed else []

    def _fail(self, urn: str, message: str) -> None:
        text = message.strip()
        if text:
            self.failures.append(Failure(urn, text))


def is_shown(type: str) -> bool:
    """Tell whether people see resources of a type: neither the stack itself nor providers."""
    return type != STACK_TYPE and not type.startswith(PROVIDER_TYPE)


def _differences(step: StepEventMetadata, part: str) -> list[Difference]:
    old, new = (dict(getattr(each, part, None) or {}) for each in (step.old, step.new))
    keys = set(step.keys or [])
    found = differences(old, new)
    return [replace(each, replaces=_root(each.path) in keys) for each in found]


def _root(path: str) -> str:
    """Return the property that a path leads into."""
    return path.partition('.')[0].partition('[')[0]
