"""A button that was pressed: it counts once, for a while, for what it was made for."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from stacks.errors import ChangedError, ForbiddenError, PlatformError, UnavailableError
from stacks.moments import now
from stacks.ordering import Ordering, visible
from stacks.permissions import insist_on_owner, insist_on_role
from stacks.platform import Records
from stacks.records import DESTROY, UPDATE, Caller, Run
from stacks.requests import NewRun
from stacks.store.stacks import Row
from triggers.chat.parts import Message, escaped, quoted
from triggers.chat.said import Press
from triggers.records import REFUSED, SKIPPED, STARTED
from triggers.rules.rule import Rule, Rules
from triggers.sources.source import Source
from triggers.store import chat, episodes, events, turn

# The option `approver`: anybody who may, or only somebody else than who has asked.
OTHER = 'other'
LONGEST_REASON = 60
GONE = 'This button does not count any more. Ask again.'
OVER = 'What this was for is over.'
OFF = 'The rule that asks for this is switched off, or gone.'
CHANGED = 'The stack, its inputs or its program have changed meanwhile. Ask again.'


@dataclass(frozen=True)
class Decided:
    """What comes of a press."""

    message: Message
    outcome: str
    reason: str
    stack: str = ''
    run: str | None = None


class Approver:
    """Does what was asked for, in the name of whoever agrees, who must have the right to it."""

    def __init__(self, ordering: Ordering, records: Records) -> None:
        self._ordering = ordering
        self._records = records

    def press(self, rules: Rules, source: Source, said: Press, caller: Caller) -> Decided:
        """Do what a button asks for, or not.

        rules: those in force, by which a rule may be no more that has asked.

        Raises PlatformError where this caller may not, which leaves the button to others.
        """
        insist_on_role(caller, 'user')
        digest = self._digest(source, said, caller)
        with self._records.database.writing() as connection:
            # What it is for may be decided to be over at the same moment.
            turn.take(connection)
            row = chat.asked(connection, said.nonce)
            if row is None or row.source != source.name or row.expires_at <= now():
                return Decided(Message(GONE), REFUSED, GONE)
            if row.decided_by:
                words = f'{escaped(row.decided_by)} has decided this already.'
                return Decided(Message(words), REFUSED, words, row.stack)
            _insist_on_another(source, said, caller, row)
            episode = _episode(connection, row)
            if episode is not None and (words := _obstacle(rules, episode)):
                return Decided(Message(words), REFUSED, words, row.stack)
            decided = self._decided(connection, said, caller, row, digest)
            if episode is not None and decided.run:
                # From now on it has something to give back.
                _stepped(connection, rules.rule(episode.rule), episode)
            chat.decide(connection, row.id, caller.name)
            self._tell(connection, said, row, decided)
            return decided

    def _digest(self, source: Source, said: Press, caller: Caller) -> str:
        """Return the digest of the program of what was previewed, read before anybody waits."""
        with self._records.database.reading() as connection:
            row = chat.asked(connection, said.nonce)
            is_update = row is not None and row.source == source.name and row.operation == UPDATE
            if row is None or not is_update or not said.agrees:
                return ''
            return self._ordering.digest(connection, caller, row.stack)

    def _decided(
        self, connection: sa.Connection, said: Press, caller: Caller, row: Row, digest: str
    ) -> Decided:
        what = f'{row.operation} of {quoted(row.stack)}'
        if not said.agrees:
            if caller.name != row.asked_by:
                insist_on_owner(caller, visible(connection, caller, row.stack).owner)
            text = f'🚫 {what} was discarded by {escaped(caller.name)}.'
            return Decided(Message(text, replaces=True), SKIPPED, 'It was discarded.', row.stack)
        try:
            with connection.begin_nested():
                run = self._begun(connection, caller, row, digest)
        except (ForbiddenError, UnavailableError):
            raise
        except PlatformError as error:
            is_changed = isinstance(error, ChangedError) or 'since that preview' in str(error)
            reason = CHANGED if is_changed else str(error)
            text = f'❌ {what}: {escaped(reason)}'
            return Decided(Message(text, replaces=True), REFUSED, reason, row.stack)
        text = (
            f'⏳ {what} was agreed to by {escaped(caller.name)}, asked for by '
            f'{escaped(row.asked_by)}: {run.id}.'
        )
        words = f'{row.operation} was agreed to.'
        return Decided(Message(text, replaces=True), STARTED, words, row.stack, run.id)

    def _begun(self, connection: sa.Connection, caller: Caller, row: Row, digest: str) -> Run:
        reason = f'asked by {row.asked_by}'[:LONGEST_REASON]
        if row.operation == DESTROY:
            request = NewRun(DESTROY, version=row.version, reason=reason)
        else:
            request = NewRun(UPDATE, preview=row.run_id, reason=reason)
        return self._ordering.start(connection, caller, row.stack, request, digest)

    def _tell(self, connection: sa.Connection, said: Press, row: Row, decided: Decided) -> None:
        """Have the buttons go, and the end of the run be told, where the chat said how."""
        to = {'source': row.source, 'asked_by': row.asked_by}
        sealed = self._records.vault.encrypt(said.address) if said.address else row.address
        if said.address:
            message = {'text': decided.message.text, 'replaces': True}
            chat.tell(connection, {**to, 'address': sealed, 'message': message})
        if decided.run and self._records.vault.decrypt(sealed):
            chat.tell(connection, {**to, 'address': sealed, 'run_id': decided.run})


def _insist_on_another(source: Source, said: Press, caller: Caller, row: Row) -> None:
    is_own = caller.name == row.asked_by
    if said.agrees and is_own and source.options.get('approver') == OTHER:
        raise ForbiddenError('Somebody else must agree to what you ask for.')


def _obstacle(rules: Rules, episode: Row) -> str:
    """Return why what a rule has asked for is not done any more; empty when it is."""
    rule = rules.rule(episode.rule)
    if episode.state != episodes.FIRING:
        return OVER
    if not rules.enabled or rule is None or rule.dry_run:
        return OFF
    return ''


def _stepped(connection: sa.Connection, rule: Rule | None, episode: Row) -> None:
    every = rule.scale.escalate_every if rule and rule.scale else None
    due_at = now() + every if every else None
    episodes.change(connection, episode.number, steps=episode.steps + 1, due_at=due_at)


def _episode(connection: sa.Connection, row: Row) -> Row | None:
    """Return the alert for which a rule asks; None where a person does."""
    event = events.of_run(connection, row.run_id) if row.run_id else None
    return event and episodes.find(connection, event.source, event.rule, event.episode)
