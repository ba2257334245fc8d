"""What the file of rules says, once it is checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from triggers.sources.source import Source

HOLD, STEP_DOWN, RESTORE, DESTROY = ON_RESOLVED = ('hold', 'step_down', 'restore', 'destroy')
# How long what an alert has raised lasts, where no further call comes.
USUAL_TTL = timedelta(hours=12)
MOST_FAILURES = 3


@dataclass(frozen=True)
class Scale:
    """A number among the inputs that an alert moves.

    step: by how much; below zero, down.
    escalate_every: after how long it moves on while the alert goes on; None: never.
    """

    input: str
    step: int
    least: int
    most: int
    escalate_every: timedelta | None = None

    def moved(self, current: int) -> int:
        """Return where a step leads from; never back where somebody has gone beyond the limits."""
        wanted = max(self.least, min(self.most, current + self.step))
        return max(wanted, current) if self.step > 0 else min(wanted, current)

    def moved_back(self, current: int, steps: int) -> int:
        """Return where so many steps back lead."""
        wanted = max(self.least, min(self.most, current - steps * self.step))
        return min(wanted, current) if self.step > 0 else max(wanted, current)


@dataclass(frozen=True)
class Rule:
    """What is done for which events.

    match: by label, the values that it may have; all of them must fit.
    stack: a template of its name. inputs: templates where they are texts.
    run_as: the principal that it is done for, which needs the right to do it.
    cooldown: from the end of a run of this rule on a stack until it begins another one.
    ttl: how long an alert counts after its last call. resolve_delay: how long it must be over.
    runs_per_hour, stacks: how many at most; None: as many as they are.
    breaker: after how many failures in a row it begins nothing more.
    approval: the chat in which somebody must agree to a preview first; None: nobody must.
    """

    id: str
    source: str
    run_as: str
    match: Mapping[str, Sequence[str]]
    program: str
    stack: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    scale: Scale | None = None
    cooldown: timedelta = timedelta()
    ttl: timedelta = USUAL_TTL
    on_resolved: str = HOLD
    resolve_delay: timedelta = timedelta()
    runs_per_hour: int | None = None
    stacks: int | None = None
    breaker: int = MOST_FAILURES
    dry_run: bool = True
    approval: Source | None = None

    def matches(self, source: str, labels: Mapping[str, str]) -> bool:
        """Tell whether it is for an event."""
        fits = (labels.get(name) in allowed for name, allowed in self.match.items())
        return source == self.source and all(fits)


@dataclass(frozen=True)
class Link:
    """Whom somebody in a chat is to the platform, by ids that they cannot choose."""

    source: str
    team: str
    user: str
    principal: str


@dataclass(frozen=True)
class Rules:
    """A whole file; enabled: whether anything is done at all."""

    sources: Mapping[str, Source] = field(default_factory=dict)
    rules: Sequence[Rule] = ()
    links: Sequence[Link] = ()
    enabled: bool = True

    def rule(self, id: str) -> Rule | None:
        """Return a rule; None when there is none of this id."""
        return next((each for each in self.rules if each.id == id), None)

    def matching(self, source: str, labels: Mapping[str, str]) -> list[Rule]:
        """Return the rules that are for an event."""
        return [each for each in self.rules if each.matches(source, labels)]

    def principal(self, source: str, team: str, user: str) -> str | None:
        """Return whom somebody in a chat is; None where nobody has said so."""
        wanted = (source, team, user)
        found = (
            each.principal for each in self.links if (each.source, each.team, each.user) == wanted
        )
        return next(found, None)
