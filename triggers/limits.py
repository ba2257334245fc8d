"""What keeps a rule from beginning a run now: another run, its pause, failures, its quota."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from stacks import moments
from stacks.moments import aware, now
from stacks.records import FAILED
from stacks.store import runs
from stacks.store.stacks import Row
from triggers.decision import LOOK_AGAIN, Decision, skipped, waiting
from triggers.rules.rule import Rule
from triggers.store import events

HOUR = timedelta(hours=1)


def busy(connection: sa.Connection, rule: Rule, name: str, stack: Row | None) -> Decision | None:
    """Return that a run is on; None where none is."""
    if stack is None or not (active := runs.active(connection, stack.id)):
        return None
    words = f'A run is on ({active[0].operation}): its end is waited for.'
    return waiting(rule, name, words, now() + timedelta(seconds=LOOK_AGAIN))


def pausing(connection: sa.Connection, rule: Rule, name: str) -> Decision | None:
    """Return that the rule pauses after its last run on a stack; None where it does not."""
    if not (last := events.last_runs(connection, rule.id, name, 1)):
        return None
    if last[0].ended_at is None:
        again = timedelta(seconds=LOOK_AGAIN)
        return waiting(rule, name, "The rule's last run has not ended.", now() + again)
    until = last[0].ended_at + rule.cooldown
    if until <= now():
        return None
    return waiting(rule, name, f'The cooldown lasts until {moments.text(aware(until))}.', until)


def broken(connection: sa.Connection, rule: Rule, name: str) -> Decision | None:
    """Return that the rule has failed too often on a stack; None where it has not."""
    last = events.last_runs(connection, rule.id, name, rule.breaker)
    has_failed = len(last) == rule.breaker and all(each.state == FAILED for each in last)
    if not has_failed or events.has_succeeded_since(connection, name, last[0].number):
        return None
    words = (
        f'The last {rule.breaker} runs of this rule on the stack have failed: it begins no other '
        'one until somebody has an update succeed there.'
    )
    return skipped(rule, name, words)


def crowded(connection: sa.Connection, rule: Rule, name: str) -> Decision | None:
    """Return that a rule has all the stacks that it may have; None where there is room."""
    if rule.stacks is None:
        return None
    known = events.stacks_of(connection, rule.id)
    if name in known or len(known) < rule.stacks:
        return None
    return skipped(rule, name, f'The rule has its {rule.stacks} stacks already.')


def spent(connection: sa.Connection, rule: Rule, name: str) -> Decision | None:
    """Return that a rule has had its runs for now; None where there is room."""
    if rule.runs_per_hour is None:
        return None
    begun = events.moments_of_runs(connection, rule.id, now() - HOUR)
    if len(begun) < rule.runs_per_hour:
        return None
    until = begun[-rule.runs_per_hour] + HOUR
    words = f'The rule has had its {rule.runs_per_hour} runs an hour, until '
    return waiting(rule, name, f'{words}{moments.text(aware(until))}.', until)
