"""What comes of an event, or of a look at the clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from triggers.records import SKIPPED, WAITING
from triggers.rules.rule import Rule

# Seconds until what waits for the end of a run is looked at again.
LOOK_AGAIN = 1.0


@dataclass(frozen=True)
class Decision:
    """What is done and why, as records.TriggerEvent has it.

    due_at: when it is to be looked at again; None: not by the clock.
    """

    outcome: str
    reason: str
    stack: str = ''
    program: str = ''
    caller: str = ''
    target: dict[str, Any] | None = None
    run_id: str | None = None
    due_at: datetime | None = None

    @property
    def told(self) -> str:
        """What tells it from another one."""
        return f'{self.outcome}: {self.reason}'

    def columns(self) -> dict[str, Any]:
        """Return what is stored of it."""
        return {name: value for name, value in vars(self).items() if name != 'due_at'}


def skipped(rule: Rule | None, stack: str, reason: str) -> Decision:
    """Return that nothing is done."""
    return Decision(SKIPPED, reason, stack, **_of(rule))


def waiting(rule: Rule, stack: str, reason: str, due_at: datetime | None) -> Decision:
    """Return that something is done later."""
    return Decision(WAITING, reason, stack, due_at=due_at, **_of(rule))


def _of(rule: Rule | None) -> dict[str, Any]:
    return {'program': rule.program, 'caller': rule.run_as} if rule else {}
