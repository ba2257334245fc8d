"""What other rooms ask of calls from elsewhere: to take them in, to show them, to try them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from settings import Settings
from stacks import cursors, permissions
from stacks.catalogue import Catalogue
from stacks.errors import UnavailableError
from stacks.platform import Records
from stacks.records import Caller, Page
from stacks.running.waiting import Bell
from triggers import receiving
from triggers.acting import Actor, Principals
from triggers.chat.kinds import CHATS
from triggers.chat.replying import Post, Replier, post
from triggers.chat.said import Press
from triggers.chat.talking import Talker
from triggers.deciding import Decider
from triggers.event import Call
from triggers.records import RECEIVED, EventFilter, TriggerEvent
from triggers.rules.file import RulesFile
from triggers.rules.reading import RuleFlaw, RulesError, read
from triggers.rules.rule import Rules
from triggers.store import events, turn
from triggers.working import Worker

logger = logging.getLogger(__name__)

# Seconds between two looks at what other hosts have received, and at the clock.
POLL = 1.0


class Triggers:
    """Receives calls, and decides in a thread of its own; for any thread.

    Methods may raise UnavailableError, and ForbiddenError where the caller may not do that.
    """

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        records: Callable[[], Records],
        bell: Bell,
        principals: Principals,
        *,
        send: Post = post,
    ) -> None:
        """Take what it works with.

        records: returns the records, or raises UnavailableError as long as they are not open.
        bell: rings when something has happened; is rung when something was received or queued.
        principals: returns who somebody of a name is; None for nobody.
        send: tells something in a chat.

        Raises SettingsError when the file of rules cannot be used.
        """
        self._settings = settings
        self._catalogue = catalogue
        self._records = records
        self._bell = bell
        self._principals = principals
        self._send = send
        self._file = RulesFile(settings.triggers_file, self._is_principal)
        self._ending = threading.Event()
        # Apart, as a chat that does not answer must not keep alerts waiting.
        self._threads = [
            threading.Thread(target=self._run, args=[make], name=name, daemon=True)
            for name, make in (('triggers', self._worker), ('replies', self._replier))
        ]

    def start(self) -> None:
        """Begin to decide, where there are rules."""
        if self._file.is_there:
            for thread in self._threads:
                thread.start()

    def drain(self) -> None:
        """Decide nothing more; for signal handlers."""
        self._ending.set()

    def stop(self) -> None:
        """End; what is not decided is left to the next service."""
        self.drain()
        self._bell.ring()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def receive(self, source: str, call: Call) -> tuple[list[TriggerEvent], str]:
        """Store what a call tells; return that, and what its sender should know.

        Raises CallError.
        """
        rules = self._file.current()
        delivery = receiving.verified(rules, source, call)
        found = receiving.store(self._records().database, rules, source, delivery)
        self._bell.ring()
        return found, delivery.note

    def talk(self, source: str, call: Call) -> dict[str, Any] | None:
        """Do what somebody in a chat asks for; return the answer, None where it is no chat.

        Raises CallError.
        """
        rules = self._file.current()
        found = rules.sources.get(source)
        if found is None or found.kind not in CHATS:
            return None
        chat = CHATS[found.kind]
        chat.verify(call, found, time.time())
        said = chat.read(call, found)
        talker = Talker(self._settings, self._catalogue, self._records(), self._principals)
        message, _ = talker.answer(rules, found, said)
        self._bell.ring()
        if isinstance(said, Press):
            return chat.pressed(message)
        return chat.render(message, found)

    def events(
        self, caller: Caller, where: EventFilter, limit: int, cursor: str | None
    ) -> Page[TriggerEvent]:
        """Return events, the newest first.

        Raises InvalidError when the cursor is none.
        """
        permissions.insist_on_role(caller, 'reader')
        before = cursors.number(cursor)
        with self._records().database.reading() as connection:
            found = events.page(connection, where, caller.programs, limit + 1, before)
        return cursors.numbered(found, limit, events.shown)

    def check(self, caller: Caller, text: str) -> list[RuleFlaw]:
        """Return what is wrong with a file of rules; nothing where it can be used here."""
        permissions.insist_on_role(caller, 'operator')
        try:
            read(text, self._is_principal)
        except RulesError as error:
            return error.flaws
        return []

    def test(self, caller: Caller, source: str, call: Call) -> list[TriggerEvent]:
        """Return what would be decided of a recorded call, signed or not; nothing is done.

        Raises CallError.
        """
        permissions.insist_on_role(caller, 'operator')
        rules = self._file.current()
        delivery = receiving.read(rules, source, call)
        records = self._records()
        decider = self._decider(records)
        with records.database.writing() as connection:
            turn.take(connection)
            attempt = connection.begin_nested()
            added = receiving.add(connection, rules, source, delivery)
            ids = [each.id for each in added]
            for row in events.by_ids(connection, ids):
                if row.outcome == RECEIVED:
                    decision = decider.decide(connection, rules, row)
                    # Runs that are not begun have no ids.
                    values = {**decision.columns(), 'run_id': None}
                    events.decide(connection, row.number, values)
            found = [events.shown(row) for row in events.by_ids(connection, ids)]
            attempt.rollback()
        return found

    def _is_principal(self, name: str) -> bool:
        return self._principals(name) is not None

    def _decider(self, records: Records) -> Decider:
        return Decider(Actor(self._settings, self._catalogue, records.vault, self._principals))

    def _worker(self, records: Records) -> Callable[[Rules], object]:
        worker = Worker(self._settings, records.database, self._decider(records))

        def work(rules: Rules) -> None:
            if worker.work(rules, self._ending.is_set):
                self._bell.ring()

        return work

    def _replier(self, records: Records) -> Callable[[Rules], object]:
        return Replier(self._settings, records, self._send).work

    def _run(self, make: Callable[[Records], Callable[[Rules], object]]) -> None:
        work: Callable[[Rules], object] | None = None
        while not self._ending.is_set():
            heard = self._bell.rings
            try:
                work = work or make(self._records())
                work(self._file.current())
            except UnavailableError as error:
                logger.warning('calls wait: %s', error)
            except Exception:
                # The thread must not end: there is no other one in its place.
                logger.exception('a defect in what comes of calls')
            self._bell.wait(heard, POLL)
