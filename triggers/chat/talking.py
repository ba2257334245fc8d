"""Doing what somebody in a chat asks for, in the name of whom they are linked to."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

import audit
import metrics
from audit import current_caller
from settings import Settings
from stacks.catalogue import Catalogue
from stacks.errors import InvalidError, NotFoundError, PlatformError, UnavailableError
from stacks.ordering import Ordering, insist_on_unprotected, visible
from stacks.permissions import insist_on_owner, insist_on_role
from stacks.platform import Records
from stacks.records import DESTROY, PREVIEW, UPDATE, Caller, Run
from stacks.requests import NewRun, NewStack, StackFilter
from stacks.store import inventories, stacks
from triggers.acting import Principals
from triggers.chat import commands, words
from triggers.chat.approving import Approver
from triggers.chat.commands import CommandError, Order
from triggers.chat.parts import Buttons, Message, escaped
from triggers.chat.said import Command, Press
from triggers.event import ONCE
from triggers.records import REFUSED, REPEATED, SKIPPED, STARTED
from triggers.rules.rule import Rules
from triggers.sources.source import Source
from triggers.store import chat, events

NOBODY = (
    'You are nobody here yet. An operator links you in TRIGGERS_FILE: [[link]] with '
    'source = "{source}", team = "{team}", user = "{user}" and your principal.'
)
AGAIN = 'This was received before.'
LISTED = 10


@dataclass(frozen=True)
class Talk:
    """One thing that was said, and by whom it is."""

    source: Source
    said: Command | Press
    caller: Caller


@dataclass(frozen=True)
class Told:
    """What comes of it: a message, and what is noted."""

    message: Message
    outcome: str = SKIPPED
    reason: str = ''
    stack: str = ''
    program: str = ''
    run_id: str | None = None


class Talker:
    """Answers at once; how runs end is told later (see replying)."""

    def __init__(
        self, settings: Settings, catalogue: Catalogue, records: Records, principals: Principals
    ) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._records = records
        self._principals = principals
        self._ordering = Ordering(settings, catalogue, records.vault)
        self._approver = Approver(self._ordering, records)

    def answer(self, rules: Rules, source: Source, said: Command | Press) -> tuple[Message, bool]:
        """Return what is answered, and whether there is a new run."""
        name = rules.principal(source.name, said.person.team, said.person.user)
        caller = self._principals(name) if name else None
        try:
            told = self._settled(rules, source, said, caller)
        except (CommandError, PlatformError) as error:
            if isinstance(error, UnavailableError):
                raise
            told = Told(Message(f'❌ {escaped(_words(error))}'), REFUSED, _words(error))
        self._note(source, said, caller, told)
        return told.message, told.run_id is not None

    def _settled(
        self, rules: Rules, source: Source, said: Command | Press, caller: Caller | None
    ) -> Told:
        try:
            return self._told(rules, source, said, caller)
        except sa.exc.IntegrityError:
            # The same was said, or made, twice at once; the other one is there to be seen now.
            return self._told(rules, source, said, caller)

    def _told(
        self, rules: Rules, source: Source, said: Command | Press, caller: Caller | None
    ) -> Told:
        if caller is None:
            person = {'team': escaped(said.person.team), 'user': escaped(said.person.user)}
            text = NOBODY.format(source=source.name, **person)
            return Told(Message(text), REFUSED, 'No link is for this person.')
        talk = Talk(source, said, caller)
        if isinstance(said, Press):
            decided = self._approver.press(rules, source, said, caller)
            return Told(
                decided.message, decided.outcome, decided.reason, decided.stack, run_id=decided.run
            )
        order = commands.parse(said.text)
        return self._verbs()[order.verb](talk, order)

    def _verbs(self) -> dict[str, Callable[[Talk, Order], Told]]:
        return {
            'help': lambda talk, order: Told(Message(words.HELP)),
            'status': self._status,
            'preview': self._preview,
            'up': self._preview,
            'destroy': self._destroy,
        }

    def _status(self, talk: Talk, order: Order) -> Told:
        insist_on_role(talk.caller, 'reader')
        url = self._settings.public_url
        with self._records.database.reading() as connection:
            if order.stack:
                row = visible(connection, talk.caller, order.stack)
                return Told(Message(words.stack(stacks.shown(row), url)), stack=order.stack)
            programs = talk.caller.programs
            found = stacks.page(connection, StackFilter(), programs, LISTED + 1, '')
        return Told(Message(words.stacks(found[:LISTED], len(found) > LISTED)))

    def _preview(self, talk: Talk, order: Order) -> Told:
        with self._records.database.writing() as connection:
            if not self._is_new(connection, talk):
                return Told(Message(AGAIN), REPEATED, AGAIN)
            run = self._previewed(connection, talk.caller, order)
            operation = UPDATE if order.verb == 'up' else ''
            self._follow(connection, talk, run.id, operation)
        return Told(
            *(Message(words.begun(run), for_all=True), STARTED),
            *(f'{order.verb} was asked for.', run.stack, run.program, run.id),
        )

    def _previewed(self, connection: sa.Connection, caller: Caller, order: Order) -> Run:
        row = stacks.by_name(connection, order.stack)
        name = order.program if row is None else row.program
        if row is None and not name:
            raise CommandError(f'There is no stack {order.stack}: name a program to make one.')
        program = self._catalogue.program(name)
        if program is None or not caller.may_use(name):
            raise NotFoundError('There is no program of this name.')
        if order.program and order.program != name:
            raise CommandError(f'{order.stack} is a stack of {name}.')
        inputs = commands.values(program, order.inputs)
        if row is None:
            new = NewStack(name, order.stack, inputs, preview=True, reason='chat')
            return self._ordering.create(connection, caller, new)
        request = NewRun(PREVIEW, inputs or None, reason='chat')
        return self._ordering.start(connection, caller, order.stack, request, '')

    def _destroy(self, talk: Talk, order: Order) -> Told:
        nonce = secrets.token_urlsafe(32)
        with self._records.database.writing() as connection:
            if not self._is_new(connection, talk):
                return Told(Message(AGAIN), REPEATED, AGAIN)
            row = visible(connection, talk.caller, order.stack)
            insist_on_owner(talk.caller, row.owner)
            insist_on_unprotected(row.protected)
            resources = inventories.of_stack(connection, row.id).resources
            asked = {'operation': DESTROY, 'stack': row.name, 'version': row.version}
            chat.ask(connection, nonce, {**asked, **self._by(talk)})
        text = words.asks_to_destroy(order.stack, resources, talk.caller.name)
        message = Message(text, Buttons(nonce, f'Destroy {order.stack}', True), for_all=True)
        return Told(message, SKIPPED, 'destroy waits for approval.', order.stack, row.program)

    def _is_new(self, connection: sa.Connection, talk: Talk) -> bool:
        return events.is_new(connection, talk.source.name, talk.said.key[:200])

    def _follow(self, connection: sa.Connection, talk: Talk, run_id: str, operation: str) -> None:
        """Have the end of a run be told, where the chat said how."""
        if talk.said.address:
            chat.tell(connection, {'run_id': run_id, 'operation': operation, **self._by(talk)})

    def _by(self, talk: Talk) -> dict[str, str]:
        sealed = self._records.vault.encrypt(talk.said.address)
        return {'source': talk.source.name, 'asked_by': talk.caller.name, 'address': sealed}

    def _note(
        self, source: Source, said: Command | Press, caller: Caller | None, told: Told
    ) -> None:
        # Without the words themselves: somebody may have typed a secret among them.
        name = 'button' if isinstance(said, Press) else _verb(said)
        who = caller.name if caller else f'{said.person.team}/{said.person.user}'
        columns = ('outcome', 'reason', 'stack', 'program', 'run_id')
        with self._records.database.writing() as connection:
            id = events.insert(
                connection,
                {
                    **{each: getattr(told, each) for each in columns},
                    'source': source.name,
                    'status': ONCE,
                    'name': f'/infra {name}',
                    'labels': {'team': said.person.team, 'user': said.person.user},
                    'caller': caller.name if caller else '',
                },
            )
            is_left = isinstance(said, Press) and said.address and not told.message.replaces
            if is_left:
                # The answer to a press shows nothing; only what is sent does.
                address = self._records.vault.encrypt(said.address)
                message = {'text': told.message.text}
                to = {'source': source.name, 'asked_by': who[:60], 'address': address}
                chat.tell(connection, {**to, 'message': message})
        current_caller.set(f'{who[:100]!r}@{source.name}')
        result = f'{told.outcome} {told.run_id or id}'
        audit.note(told.stack or '-', f'chat {name}', result)
        metrics.TRIGGERS.labels(source.name, told.outcome).inc()


def _verb(said: Command) -> str:
    first = said.text.split()[:1]
    return first[0].lower() if first and first[0].lower() in commands.VERBS else 'help'


def _words(error: Exception) -> str:
    if isinstance(error, InvalidError):
        return '; '.join(f'{each.pointer[1:]} {each.detail}' for each in error.flaws) + '.'
    return str(error)
