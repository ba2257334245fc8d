"""Giving back what an alert has moved, once it is over and no other one needs it."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from stacks.moments import now
from stacks.store import stacks
from stacks.store.stacks import Row
from triggers import limits
from triggers.acting import Actor
from triggers.decision import LOOK_AGAIN, Decision, skipped
from triggers.records import WAITING
from triggers.rules.rule import DESTROY, HOLD, STEP_DOWN, Rule, Rules, Scale
from triggers.store import episodes


class Returner:
    """Ends episodes."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor

    def give_back(
        self, connection: sa.Connection, rules: Rules, rule: Rule | None, episode: Row
    ) -> Decision:
        """End an episode, with what its rule says then; one that waits for that goes on."""
        decision = self._given_back(connection, rules, rule, episode)
        if decision.outcome == WAITING:
            # From here on it is over, however often its last call comes.
            due = decision.due_at or now() + timedelta(seconds=LOOK_AGAIN)
            values = {'state': episodes.RESOLVING, 'due_at': due, 'lease_until': None}
            episodes.change(connection, episode.number, **values)
        else:
            episodes.end(connection, episode.number)
        return decision

    def baseline(
        self, connection: sa.Connection, rules: Rules, rule: Rule, episode: Row
    ) -> int | None:
        """Return what the number of a stack was before any alert that still holds it moved it."""
        if episode.baseline is not None or rule.scale is None:
            return int(episode.baseline) if episode.baseline is not None else None
        for other in episodes.holders(connection, episode.stack, episode.number):
            if _moves(rules.rule(other.rule), rule) and other.baseline is not None:
                return int(other.baseline)
        stack = stacks.by_name(connection, episode.stack)
        return self._actor.current(connection, stack, rule.scale) if stack else None

    def _given_back(
        self, connection: sa.Connection, rules: Rules, rule: Rule | None, episode: Row
    ) -> Decision:
        name = episode.stack
        if rule is None:
            return skipped(None, name, 'It is over. Its rule is gone: the stack stays as it is.')
        if not episode.steps:
            return skipped(rule, name, 'It is over. Nothing was done for it.')
        if rule.on_resolved == HOLD or not rules.enabled or rule.dry_run:
            return skipped(rule, name, 'It is over. The stack stays as it is.')
        stack = stacks.by_name(connection, name, lock=True)
        if stack is None:
            return skipped(rule, name, 'It is over, and the stack is gone.')
        if stack.program != rule.program:
            words = f'It is over. Another stack has the name now, of {stack.program}.'
            return skipped(rule, name, words)
        busy = limits.busy(connection, rule, name, stack)
        return busy or self._undone(connection, rules, rule, episode, stack)

    def _undone(
        self, connection: sa.Connection, rules: Rules, rule: Rule, episode: Row, stack: Row
    ) -> Decision:
        is_relative = rule.on_resolved == STEP_DOWN
        heir = None if is_relative else self._heir(connection, rules, rule, episode)
        if heir is not None:
            words = f'It is over. Another one holds the stack: {heir.name}.'
            return skipped(rule, stack.name, words)
        if rule.on_resolved == DESTROY:
            return self._actor.destroy(connection, rule, stack)
        return self._moved_back(connection, rule, episode, stack)

    def _heir(
        self, connection: sa.Connection, rules: Rules, rule: Rule, episode: Row
    ) -> Row | None:
        """Have another alert that holds the stack give back what this one has moved; return it."""
        others = episodes.holders(connection, episode.stack, episode.number)
        if rule.on_resolved != DESTROY:
            others = [each for each in others if _moves(rules.rule(each.rule), rule)]
        if not others:
            return None
        heir = others[0]
        values = {'steps': heir.steps + episode.steps, 'baseline': episode.baseline}
        return episodes.change(connection, heir.number, **values)

    def _moved_back(
        self, connection: sa.Connection, rule: Rule, episode: Row, stack: Row
    ) -> Decision:
        scale = rule.scale
        before = self._actor.current(connection, stack, scale) if scale else None
        if scale is None or before is None:
            return skipped(rule, stack.name, 'It is over. There is no number to move back.')
        after = self._goal(rule, scale, episode, before)
        if after == before:
            return skipped(rule, stack.name, f'It is over. {scale.input} is {before} already.')
        return self._actor.move(connection, rule, stack, (before, after))

    def _goal(self, rule: Rule, scale: Scale, episode: Row, before: int) -> int:
        if rule.on_resolved == STEP_DOWN:
            return scale.moved_back(before, episode.steps)
        # A stack that an alert has made was nothing before.
        return scale.least if episode.baseline is None else int(episode.baseline)


def _moves(other: Rule | None, rule: Rule) -> bool:
    """Tell whether another rule moves the same number."""
    theirs = other.scale if other else None
    return theirs is not None and rule.scale is not None and theirs.input == rule.scale.input
