"""Having a stack moved, for a rule: its number up and back, or what else its inputs say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from settings import Settings
from stacks.catalogue import Catalogue
from stacks.errors import InvalidError, PlatformError, UnavailableError
from stacks.moments import now
from stacks.ordering import Ordering
from stacks.records import DESTROY, PREVIEW, UPDATE, Caller, Run
from stacks.requests import NewRun, NewStack
from stacks.store import runs, stacks
from stacks.store.stacks import Row
from stacks.vault import Vault
from triggers import limits
from triggers.decision import Decision, skipped
from triggers.records import REFUSED, STARTED, WAITING
from triggers.rules import templates
from triggers.rules.rule import Rule, Scale
from triggers.store import chat

Principals = Callable[[str], Caller | None]


@dataclass(frozen=True)
class Wish:
    """What a rule makes of an event. once: whether no later look at it can be taken."""

    stack: str
    inputs: Mapping[str, Any]
    once: bool


def wish(rule: Rule, source: str, name: str, labels: Mapping[str, str], once: bool) -> Wish:
    """Return what a rule wants.

    Raises TemplateError.
    """
    values = templates.values(labels, name, source)
    filled = {
        input: templates.value(each, values) if isinstance(each, str) else each
        for input, each in rule.inputs.items()
    }
    return Wish(templates.stack_name(rule.stack, values), filled, once)


class Actor:
    """Begins runs in the name of a rule's principal, who must have the right to each."""

    def __init__(
        self, settings: Settings, catalogue: Catalogue, vault: Vault, principals: Principals
    ) -> None:
        self._ordering = Ordering(settings, catalogue, vault)
        self._vault = vault
        self._principals = principals

    def step(self, connection: sa.Connection, rule: Rule, wanted: Wish) -> Decision:
        """Have a stack be what a rule wants, a step from where it is; or say why not."""
        stack = stacks.by_name(connection, wanted.stack, lock=True)
        if stack is not None and stack.program != rule.program:
            return self._refused(rule, wanted.stack, f'It is a stack of {stack.program}.')
        if obstacle := self._obstacle(connection, rule, wanted, stack):
            return obstacle
        scale = rule.scale
        if scale is None:
            return self._ordered(connection, rule, wanted, stack)
        before = self.current(connection, stack, scale)
        if before is None:
            return self._refused(rule, wanted.stack, f'Its input {scale.input} is no number.')
        after = scale.moved(before)
        if after == before:
            return skipped(rule, wanted.stack, f'{scale.input} is {before}, as far as it may go.')
        return self._ordered(connection, rule, wanted, stack, (before, after))

    def move(
        self, connection: sa.Connection, rule: Rule, stack: Row, target: tuple[int, int]
    ) -> Decision:
        """Have the number of a stack go back; target: from where, and where to."""
        wanted = Wish(stack.name, {}, False)
        spent = limits.spent(connection, rule, stack.name)
        return spent or self._ordered(connection, rule, wanted, stack, target, is_back=True)

    def destroy(self, connection: sa.Connection, rule: Rule, stack: Row) -> Decision:
        """Have a stack destroyed."""
        if spent := limits.spent(connection, rule, stack.name):
            return spent
        request = NewRun(DESTROY, reason=_reason(rule))
        return self._begun(
            rule,
            stack.name,
            'The stack is destroyed.',
            lambda caller: self._ordering.start(connection, caller, stack.name, request, ''),
        )

    def current(self, connection: sa.Connection, stack: Row | None, scale: Scale) -> int | None:
        """Return the number that a stack has, or will once its runs are done; None: it is none.

        Of a stack that is not there it is 0.
        """
        if stack is None:
            return 0
        found = stack.inputs
        for run in runs.active(connection, stack.id):
            if run.operation == UPDATE:
                found = run.inputs
        value = found['plain'].get(scale.input)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def _obstacle(
        self, connection: sa.Connection, rule: Rule, wanted: Wish, stack: Row | None
    ) -> Decision | None:
        name = wanted.stack
        found = None
        if not wanted.once:
            found = limits.busy(connection, rule, name, stack)
        if rule.cooldown or not wanted.once:
            found = found or limits.pausing(connection, rule, name)
        found = found or limits.broken(connection, rule, name)
        found = found or limits.crowded(connection, rule, name)
        found = found or limits.spent(connection, rule, name)
        if found and found.outcome == WAITING and wanted.once:
            return skipped(rule, name, found.reason)
        return found

    def _ordered(
        self,
        connection: sa.Connection,
        rule: Rule,
        wanted: Wish,
        stack: Row | None,
        target: tuple[int, int] | None = None,
        *,
        is_back: bool = False,
    ) -> Decision:
        """Queue the run that makes a stack, or changes it."""
        inputs = dict(wanted.inputs)
        words = 'The stack is changed.' if stack is not None else 'The stack is made.'
        moved: dict[str, Any] | None = None
        if target is not None and rule.scale is not None:
            inputs[rule.scale.input] = target[1]
            moved = {'input': rule.scale.input, 'from': target[0], 'to': target[1]}
            words = f'{rule.scale.input} {target[0]} → {target[1]} (at most {rule.scale.most})'
        reason = _reason(rule)
        is_asked = rule.approval is not None and not is_back

        def begin(caller: Caller) -> Run:
            if stack is None:
                new = NewStack(rule.program, wanted.stack, inputs, preview=is_asked, reason=reason)
                return self._ordering.create(connection, caller, new)
            operation = PREVIEW if is_asked else UPDATE
            request = NewRun(operation, inputs, queue=True, reason=reason)
            return self._ordering.start(connection, caller, wanted.stack, request, '')

        found = self._begun(rule, wanted.stack, words, begin, moved)
        if is_asked and found.outcome == STARTED:
            return self._asked(connection, rule, found)
        return found

    def _asked(self, connection: sa.Connection, rule: Rule, begun: Decision) -> Decision:
        """Have somebody in a chat be asked, once the preview has ended."""
        assert rule.approval is not None
        to = {'source': rule.approval.name, 'address': self._vault.encrypt(rule.approval.webhook)}
        what = {'run_id': begun.run_id, 'operation': UPDATE, 'asked_by': f'rule {rule.id}'}
        chat.tell(connection, {**to, **what})
        words = f'{begun.reason}: somebody in {rule.approval.name} must agree.'
        return replace(begun, outcome=WAITING, reason=words, due_at=now() + chat.TAKEN)

    def _begun(
        self,
        rule: Rule,
        name: str,
        words: str,
        begin: Callable[[Caller], Run],
        target: dict[str, Any] | None = None,
    ) -> Decision:
        caller = self._principals(rule.run_as)
        if caller is None:
            return self._refused(rule, name, f'No token is of {rule.run_as}.')
        try:
            run = begin(caller)
        except UnavailableError:
            raise
        except InvalidError as error:
            return self._refused(rule, name, f'{error}.')
        except PlatformError as error:
            return self._refused(rule, name, str(error))
        return Decision(STARTED, words, name, rule.program, rule.run_as, target, run.id)

    def _refused(self, rule: Rule, stack: str, reason: str) -> Decision:
        return Decision(REFUSED, reason, stack, rule.program, rule.run_as)


def _reason(rule: Rule) -> str:
    return f'rule {rule.id}'
