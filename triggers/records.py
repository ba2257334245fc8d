"""What is known of calls, as people may see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

# What became of an event. Those of the first line have had something begin, or will have.
OUTCOMES = (
    *('received', 'started', 'waiting', 'renewed'),
    *('dry_run', 'skipped', 'repeated', 'unmatched', 'refused', 'failed'),
)
(RECEIVED, STARTED, WAITING, RENEWED) = OUTCOMES[:4]
(DRY_RUN, SKIPPED, REPEATED, UNMATCHED, REFUSED, FAILED) = OUTCOMES[4:]


@dataclass(frozen=True)
class TriggerEvent:
    """What a call told, and what was decided by a rule.

    rule: empty where none is for it. status: as triggers.event has them; `due` by the clock.
    target: the input that is moved, as `{"input", "from", "to"}`; None where none is.
    caller: the principal that it was done for. run: the id of the run that came of it.
    """

    id: str
    source: str
    rule: str
    status: str
    name: str
    labels: dict[str, str]
    url: str
    outcome: str
    reason: str
    program: str
    stack: str
    target: dict[str, Any] | None
    caller: str
    run: str | None
    received_at: datetime
    decided_at: datetime | None


@dataclass(frozen=True)
class EventFilter:
    """Which events; None: whichever."""

    source: str | None = None
    rule: str | None = None
    outcome: str | None = None
    stack: str | None = None
