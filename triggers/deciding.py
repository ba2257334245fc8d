"""What comes of each event, by the rule that it is for and by what went before.

An alert is an episode: it holds its stack from its first call until it is over, however often it
is told. It moves the stack once, and again only as its rule says; what it moved goes back when no
other alert holds the stack.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from stacks.moments import now
from stacks.store.stacks import Row
from triggers.acting import Actor, Wish, wish
from triggers.decision import Decision, skipped, waiting
from triggers.event import ONCE, RESOLVED
from triggers.records import DRY_RUN, REFUSED, RENEWED, STARTED, WAITING
from triggers.returning import Returner
from triggers.rules.rule import Rule, Rules
from triggers.rules.templates import TemplateError
from triggers.store import episodes

OFF = 'The rules are switched off (enabled = false).'
OTHER_RULES = 'The rules have changed: this one is gone, or is not for this call any more.'


class Decider:
    """Decides within a transaction, in which nobody else does (see store.turn)."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._returner = Returner(actor)

    def decide(self, connection: sa.Connection, rules: Rules, event: Row) -> Decision:
        """Decide what comes of an event, and have it done."""
        rule = rules.rule(event.rule)
        if rule is None or not rule.matches(event.source, event.labels):
            return skipped(rule, '', OTHER_RULES)
        if not rules.enabled:
            return skipped(rule, '', OFF)
        try:
            wanted = wish(rule, event.source, event.name, event.labels, event.status == ONCE)
        except TemplateError as error:
            return Decision(REFUSED, str(error), program=rule.program, caller=rule.run_as)
        if rule.dry_run:
            return self._tried(connection, rules, rule, event, wanted)
        return self._decided(connection, rules, rule, event, wanted)

    def tend(self, connection: sa.Connection, rules: Rules, episode: Row) -> Decision | None:
        """Do what an episode is due for; None where that is no news."""
        rule = rules.rule(episode.rule)
        is_late = episode.lease_until is not None and episode.lease_until <= now()
        if episode.state == episodes.RESOLVING or is_late:
            decision = self._returner.give_back(connection, rules, rule, episode)
        elif rule is None or rule.dry_run:
            # It goes on, and comes to its end, but moves nothing more.
            decision = skipped(rule, episode.stack, OTHER_RULES)
            episodes.change(connection, episode.number, due_at=None)
        elif not rules.enabled:
            decision = skipped(rule, episode.stack, OFF)
            episodes.change(connection, episode.number, due_at=None)
        else:
            decision = self._stepped_again(connection, rules, rule, episode)
        if decision.told == episode.told:
            return None
        episodes.change(connection, episode.number, told=decision.told)
        return decision

    def _tried(
        self, connection: sa.Connection, rules: Rules, rule: Rule, event: Row, wanted: Wish
    ) -> Decision:
        """Return what would be decided, with nothing of it done."""
        with connection.begin_nested() as attempt:
            found = self._decided(connection, rules, rule, event, wanted)
            attempt.rollback()
        words = f'It would be {found.outcome}: {found.reason}'
        return Decision(DRY_RUN, words, found.stack, rule.program, rule.run_as, found.target)

    def _decided(
        self, connection: sa.Connection, rules: Rules, rule: Rule, event: Row, wanted: Wish
    ) -> Decision:
        if event.status == ONCE:
            return self._actor.step(connection, rule, wanted)
        if event.status == RESOLVED:
            return self._resolved(connection, rules, rule, event, wanted)
        return self._firing(connection, rules, rule, event, wanted)

    def _firing(
        self, connection: sa.Connection, rules: Rules, rule: Rule, event: Row, wanted: Wish
    ) -> Decision:
        known = episodes.find(connection, event.source, rule.id, event.episode)
        if known is not None and known.state != episodes.FIRING:
            return skipped(rule, wanted.stack, 'It was resolved before: this call comes late.')
        lease = now() + rule.ttl
        if known is not None:
            known = episodes.change(connection, known.number, lease_until=lease)
            if known.steps or known.due_at is not None:
                return _renewed(rule, wanted, 'It goes on.')
        else:
            earlier = episodes.resolving(
                connection, event.source, rule.id, event.fingerprint, wanted.stack
            )
            known = episodes.insert(connection, {**_of(event, wanted), 'lease_until': lease})
            if earlier is not None:
                return self._taken_over(connection, rule, wanted, known, earlier)
        return self._stepped(connection, rules, rule, known, wanted)

    def _taken_over(
        self, connection: sa.Connection, rule: Rule, wanted: Wish, known: Row, earlier: Row
    ) -> Decision:
        """Have an alert that fires again go on where it was, as if it had never been over."""
        episodes.end(connection, earlier.number)
        values = {'steps': earlier.steps, 'baseline': earlier.baseline}
        if earlier.steps and rule.scale and rule.scale.escalate_every:
            values['due_at'] = now() + rule.scale.escalate_every
        episodes.change(connection, known.number, **values)
        return _renewed(rule, wanted, 'It fires again before its end counted: all stays as it is.')

    def _stepped_again(
        self, connection: sa.Connection, rules: Rules, rule: Rule, episode: Row
    ) -> Decision:
        try:
            wanted = wish(rule, episode.source, episode.name, episode.labels, False)
        except TemplateError as error:
            episodes.change(connection, episode.number, due_at=None)
            return Decision(REFUSED, str(error), program=rule.program, caller=rule.run_as)
        if wanted.stack != episode.stack:
            episodes.change(connection, episode.number, due_at=None)
            return skipped(rule, episode.stack, OTHER_RULES)
        return self._stepped(connection, rules, rule, episode, wanted)

    def _stepped(
        self, connection: sa.Connection, rules: Rules, rule: Rule, episode: Row, wanted: Wish
    ) -> Decision:
        baseline = self._returner.baseline(connection, rules, rule, episode)
        decision = self._actor.step(connection, rule, wanted)
        values: dict[str, Any] = {'due_at': decision.due_at, 'baseline': baseline}
        if decision.outcome == STARTED:
            values['steps'] = episode.steps + 1
            if rule.scale and rule.scale.escalate_every:
                values['due_at'] = now() + rule.scale.escalate_every
        if decision.outcome != WAITING:
            values['told'] = ''
        episodes.change(connection, episode.number, **values)
        return decision

    def _resolved(
        self, connection: sa.Connection, rules: Rules, rule: Rule, event: Row, wanted: Wish
    ) -> Decision:
        known = episodes.find(connection, event.source, rule.id, event.episode)
        if known is None:
            # Remembered: the call that told of its begin may come yet.
            known = episodes.insert(connection, _of(event, wanted))
            episodes.end(connection, known.number)
            return skipped(rule, wanted.stack, 'It is over before it was told to have begun.')
        if known.state == episodes.OVER:
            return skipped(rule, known.stack, 'It was over already.')
        if known.state == episodes.RESOLVING:
            return _renewed(rule, wanted, 'It was told to be over before.')
        until = now() + rule.resolve_delay
        known = episodes.change(
            connection, known.number, state=episodes.RESOLVING, due_at=until, lease_until=None
        )
        if rule.resolve_delay and known.steps:
            words = 'It is over; that counts unless it fires again within the resolve_delay.'
            return waiting(rule, known.stack, words, until)
        decision = self._returner.give_back(connection, rules, rule, known)
        episodes.change(connection, known.number, told=decision.told)
        return decision


def _renewed(rule: Rule, wanted: Wish, words: str) -> Decision:
    return Decision(RENEWED, words, wanted.stack, rule.program, rule.run_as)


def _of(event: Row, wanted: Wish) -> dict[str, Any]:
    columns = ('source', 'rule', 'episode', 'fingerprint', 'name', 'labels', 'url')
    return {
        **{name: getattr(event, name) for name in columns},
        'stack': wanted.stack,
        'state': episodes.FIRING,
    }
