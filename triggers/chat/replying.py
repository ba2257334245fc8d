"""Telling in a chat how what was asked for has ended."""

from __future__ import annotations

import ipaddress
import json
import logging
import secrets
from collections.abc import Callable
from datetime import timedelta

from settings import Settings
from stacks.moments import now
from stacks.platform import Records
from stacks.records import PREVIEW, SUCCEEDED, UPDATE, Run
from stacks.store import runs, stacks
from stacks.store.stacks import Row
from triggers.chat import words
from triggers.chat.kinds import CHATS
from triggers.chat.parts import Buttons, Message
from triggers.outbound import Outbound, OutboundError
from triggers.rules.rule import Rules
from triggers.sources.source import Source
from triggers.store import chat

logger = logging.getLogger(__name__)

# Seconds for one answer; and, doubled each time, until it is tried again.
TIMEOUT, RETRY = 5.0, 2.0
MOST_DOUBLED = 8
# Where rules name the address of a chat, it may be a private one.
EVERYWHERE = [ipaddress.ip_network('0.0.0.0/0'), ipaddress.ip_network('::/0')]

Post = Callable[[Source, str, bytes], int]


def post(source: Source, url: str, body: bytes) -> int:
    """Send a message to a chat and return the status of its answer.

    Raises OutboundError.
    """
    outbound = Outbound(EVERYWHERE if 'url' in source.options else [])
    return outbound.post(url, body, {'Content-Type': 'application/json'}, TIMEOUT).status


class Replier:
    """Tells what there is to tell; several services may do so at once."""

    def __init__(self, settings: Settings, records: Records, send: Post = post) -> None:
        """Take what it works with; send: as `post`."""
        self._settings = settings
        self._records = records
        self._send = send

    def work(self, rules: Rules) -> None:
        """Tell all that can be told now."""
        chats = {name: each for name, each in rules.sources.items() if each.kind in CHATS}
        with self._records.database.reading() as connection:
            due = chat.due(connection, chats)
        for reply in due:
            if self._claim(reply):
                self._tell(chats[reply.source], reply)

    def _claim(self, reply: Row) -> bool:
        pause = RETRY * 2.0 ** min(reply.attempts, MOST_DOUBLED) + TIMEOUT
        with self._records.database.writing() as connection:
            return chat.claim(connection, reply, now() + timedelta(seconds=pause))

    def _tell(self, source: Source, reply: Row) -> None:
        message = self._message(reply)
        if message is not None and not self._is_sent(source, reply, message):
            return
        with self._records.database.writing() as connection:
            chat.told(connection, reply.number)

    def _is_sent(self, source: Source, reply: Row, message: Message) -> bool:
        body = json.dumps(CHATS[source.kind].render(message, source)).encode()
        url = self._records.vault.decrypt(reply.address)
        try:
            status = self._send(source, url, body)
        except OutboundError as error:
            logger.warning('chat %s could not be told: %s', source.name, error)
            return False
        if not 200 <= status < 300:
            logger.warning('chat %s answered %d', source.name, status)
        # What it does not want, it will not want later; what it cannot take now, it may.
        return status < 500 and status != 429

    def _message(self, reply: Row) -> Message | None:
        """Return what is told; None where that is gone."""
        if reply.message is not None:
            return Message(**reply.message)
        with self._records.database.writing() as connection:
            row = runs.by_id(connection, reply.run_id)
            if row is None:
                return None
            run = runs.shown(row)
            stack = stacks.by_name(connection, run.stack)
            before = stacks.shown(stack).inputs if stack is not None else {}
            buttons = None
            is_asked = stack is not None and _is_asked(run, reply)
            # An earlier attempt may have arrived, though its answer did not.
            if stack is not None and is_asked and chat.withdraw(connection, run.id):
                buttons = Buttons(secrets.token_urlsafe(32), f'Update {run.stack}', False)
                asked = {'operation': UPDATE, 'stack': run.stack, 'run_id': run.id}
                by = {name: getattr(reply, name) for name in ('source', 'asked_by', 'address')}
                chat.ask(connection, buttons.nonce, {**asked, **by, 'version': stack.version})
        text = words.ended(run, reply.asked_by, before, self._settings.public_url)
        return Message(text, buttons, for_all=True)


def _is_asked(run: Run, reply: Row) -> bool:
    """Tell whether somebody is to agree to what a preview tells."""
    is_good = run.operation == PREVIEW and run.state == SUCCEEDED
    return bool(is_good and reply.operation and words.would_change(run))
