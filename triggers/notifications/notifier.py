"""Sends what happens to the destinations, again and again until they have it.

What is to be sent is in the database, and so outlives the service: what one has taken that dies is
sent by the next one, under the same id. Receivers may get it twice, and know it by that.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import sqlalchemy as sa

import audit
import metrics
from settings import Settings
from stacks.errors import UnavailableError
from stacks.moments import aware, now
from stacks.platform import Records
from stacks.records import DELIVERED, DROPPED, GIVEN_UP, WAITING
from stacks.running.presence import Presence
from stacks.running.waiting import Bell, Result, stored
from stacks.store import deliveries
from stacks.store.database import Database
from triggers.notifications import schedule, spreading
from triggers.notifications.destinations import Destination, Destinations
from triggers.notifications.messages import Event, message
from triggers.outbound import Answer, Outbound, OutboundError

logger = logging.getLogger(__name__)

Row = sa.Row[Any]

# Seconds between two looks for what is due.
POLL = 1.0
# Deliveries that are looked at in one round.
MOST_DUE = 100
# Seconds that what is being sent gets at the end; it is sent again by the next service.
AT_THE_END = 3.0
GONE = 'The destination has answered 410: it is gone. Correct it in the settings, or enable it.'
UNKNOWN = 'The destination is not in the settings any more.'


def beginning(
    settings: Settings,
    destinations: Destinations,
    records: Records,
    presence: Presence,
    bell: Bell,
) -> Notifier:
    """Return what sends notifications as the settings say."""
    return Notifier(
        settings.public_url,
        records.database,
        presence.name,
        destinations,
        Outbound(settings.reachable_networks),
        bell=bell,
    )


class Notifier:
    """A thread that looks for what is due, and one for each destination that is sent to."""

    def __init__(
        self,
        public_url: str,
        database: Database,
        name: str,
        destinations: Destinations,
        outbound: Outbound,
        *,
        bell: Bell,
    ) -> None:
        """Take what it works with.

        name: of this service. bell: rings when a run has ended here.
        """
        self._public_url = public_url
        self._database = database
        self._name = name
        self._destinations = destinations
        self._outbound = outbound
        self._bell = bell
        self._ended = threading.Event()
        # By destination: one that is slow holds up nothing but what is for itself.
        self._sending: dict[str, threading.Thread] = {}
        self._thread = threading.Thread(target=self._notify, name='notifier', daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; what is being sent has some seconds."""
        self._ended.set()
        self._bell.ring()
        if self._thread.ident is not None:
            self._thread.join()
        ends_at = time.monotonic() + AT_THE_END
        for thread in list(self._sending.values()):
            thread.join(max(0.0, ends_at - time.monotonic()))

    def tend(self) -> None:
        """Begin to send all that is due now, but no two to the same destination."""
        spreading.spread(self._database, self._destinations.all())
        with self._database.reading() as connection:
            due = deliveries.due(connection, list(self._sending), MOST_DUE)
        for row in due:
            if row.destination not in self._sending and not self._ended.is_set():
                self._begin(row)

    def _notify(self) -> None:
        while not self._ended.is_set():
            heard = self._bell.rings
            try:
                self.tend()
            except UnavailableError as error:
                logger.warning('the database is waited for: %s', error)
            except Exception:
                # The thread must not end: without it, nobody would be told of anything.
                logger.exception('a defect in the notifier')
            self._bell.wait(heard, POLL)

    def _begin(self, due: Row) -> None:
        with self._database.writing() as connection:
            row = deliveries.claim(connection, due.number, self._name)
        if row is not None:
            thread = threading.Thread(target=self._deliver, args=[row], daemon=True)
            self._sending[row.destination] = thread
            thread.start()

    def _deliver(self, row: Row) -> None:
        try:
            self._attempt(row)
        except UnavailableError as error:
            logger.warning('what came of notification %s could not be stored: %s', row.id, error)
        except Exception:
            # It must not seem to be sent for ever.
            logger.exception('notification %s met a defect', row.id)
            self._store(lambda connection: self._failed(connection, row, None, 'A defect.'))
        finally:
            self._sending.pop(row.destination, None)
            self._bell.ring()

    def _attempt(self, row: Row) -> None:
        destination = self._destinations.by_name(row.destination)
        if destination is None:
            values = {'state': DROPPED, 'answer': UNKNOWN}
            self._store(lambda connection: self._change(connection, row, **values))
            return
        answer: Answer | None = None
        said = ''
        try:
            answer = self._sent(destination, row)
            said = _printable(answer.text)
        except OutboundError as error:
            said = str(error)
        self._store(lambda connection: self._end(connection, destination, row, answer, said))

    def _sent(self, destination: Destination, row: Row) -> Answer:
        happened_at = aware(row.happened_at)
        event = Event(row.event_id, row.type, row.stack, row.data, happened_at)
        told = message(destination, event, self._public_url, aware(now()))
        return self._outbound.post(destination.url, told.body, told.headers)

    def _end(
        self,
        connection: sa.Connection,
        destination: Destination,
        row: Row,
        answer: Answer | None,
        said: str,
    ) -> None:
        """Store what came of an attempt."""
        if answer is None or not 200 <= answer.status < 300:
            self._failed(connection, row, answer, said)
        else:
            self._change(connection, row, state=DELIVERED, status=answer.status, answer=said)
        if answer is not None and answer.status == HTTPStatus.GONE:
            deliveries.disable(connection, destination.name, destination.fingerprint, GONE)
            deliveries.drop(connection, destination.name, spreading.DISABLED)
            logger.error('destination %s is disabled. %s', destination.name, GONE)
            audit.note('-', f'disable destination {destination.name}', 'gone')

    def _failed(
        self, connection: sa.Connection, row: Row, answer: Answer | None, said: str
    ) -> None:
        status = answer.status if answer else None
        wanted = answer.retry_after if answer else ''
        pause = None if status == HTTPStatus.GONE else schedule.pause(row.attempts + 1, wanted)
        state = GIVEN_UP if pause is None else WAITING
        due_at = now() + (pause or timedelta(0))
        self._change(connection, row, state=state, status=status, answer=said, due_at=due_at)
        words = 'is given up' if pause is None else f'is tried again in {pause}'
        logger.warning('notification %s to %s %s', row.id, row.destination, words)

    def _change(self, connection: sa.Connection, row: Row, **values: Any) -> None:
        given = {'attempts': row.attempts + 1, 'answered_at': now(), **values}
        deliveries.change(connection, row.number, self._name, **given)
        metrics.NOTIFICATIONS.labels(values['state']).inc()

    def _store(self, action: Callable[[sa.Connection], Result]) -> Result:
        return stored(self._database, self._ended, action)


def _printable(text: str) -> str:
    """Return a text that every database takes, and that forges no line of anything."""
    return ''.join(each if each.isprintable() else ' ' for each in text)
