"""What is to be done, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stacks.records import PREVIEW, REFRESH


@dataclass(frozen=True)
class Task:
    """An operation on a stack.

    digest: of the program as the stack was last applied with; empty when it was not.
    decided_on: the digest that the preview saw, by which an update was decided; else empty.
    inputs: as the database has them.
    secrets: all that may not show, as the vault made them.
    is_unsure: an earlier run of the stack was cut short, so its state may be behind.
    has_drift: a look has found something changed outside.
    is_repeated: the service that began this run has died.
    hosts: those whose services may have left a lock on the stack when they were cut short.
    """

    run_id: str
    stack: str
    program: str
    operation: str
    digest: str
    decided_on: str
    inputs: dict[str, Any]
    secrets: list[str]
    accept: bool
    is_unsure: bool
    is_repeated: bool
    has_drift: bool = False
    hosts: frozenset[str] = frozenset()

    @property
    def was_cut_short(self) -> bool:
        """Whether this run, or the one before it, has ended in its midst."""
        return self.is_unsure or self.is_repeated

    @property
    def looks_only(self) -> bool:
        """Whether nothing is changed, neither what is there nor what Pulumi knows of it."""
        return self.operation == PREVIEW or (self.operation == REFRESH and not self.accept)


@dataclass(frozen=True)
class Outcome:
    """How an operation ended.

    state: `succeeded`, `failed` or `cancelled`; empty when it has to be done again, because the
        engine died or the service is shutting down.
    digest: of the program that was used; empty when it did not come to that.
    error: as in records.Run.
    may_pass: whether it failed by what surrounds it, and may succeed when it is done again.
    """

    state: str
    digest: str = ''
    error: dict[str, Any] | None = None
    may_pass: bool = False
