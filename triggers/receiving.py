"""Taking calls in: known as their source's, read, stored, and left to be decided."""

from __future__ import annotations

import time

import sqlalchemy as sa

from stacks.store.database import Database
from triggers.errors import UnknownSourceError
from triggers.event import ONCE, Call, Delivery, Event
from triggers.records import RECEIVED, REPEATED, UNMATCHED, TriggerEvent
from triggers.rules.rule import Rules
from triggers.sources.kinds import KINDS
from triggers.sources.source import Source
from triggers.store import events

AGAIN = 'This call was received before.'
NO_RULE = 'No rule is for it.'


def verified(rules: Rules, name: str, call: Call) -> Delivery:
    """Return what a call tells, once it is known to be its source's.

    Raises CallError.
    """
    source = _source(rules, name)
    moment = time.time()
    KINDS[source.kind].verify(call, source, moment)
    return KINDS[source.kind].read(call, source, moment)


def read(rules: Rules, name: str, call: Call) -> Delivery:
    """Return what a recorded call would tell, whoever has it.

    Raises CallError.
    """
    source = _source(rules, name)
    return KINDS[source.kind].read(call, source, time.time())


def store(database: Database, rules: Rules, source: str, delivery: Delivery) -> list[TriggerEvent]:
    """Store what a call tells, and return that; nothing is lost from then on."""
    try:
        return _stored(database, rules, source, delivery)
    except sa.exc.IntegrityError:
        # The same call came twice at once, and the other one was first.
        return _stored(database, rules, source, delivery)


def add(
    connection: sa.Connection, rules: Rules, source: str, delivery: Delivery
) -> list[TriggerEvent]:
    """Add what a call tells, within a transaction."""
    if delivery.key and not events.is_new(connection, source, delivery.key):
        values = {'status': ONCE, 'name': 'call', 'outcome': REPEATED, 'reason': AGAIN}
        ids = [events.insert(connection, {'source': source, **values})]
    else:
        ids = [
            events.insert(connection, values)
            for each in delivery.events
            for values in _rows(rules, source, each)
        ]
    return [events.shown(row) for row in events.by_ids(connection, ids)]


def _stored(
    database: Database, rules: Rules, source: str, delivery: Delivery
) -> list[TriggerEvent]:
    with database.writing() as connection:
        return add(connection, rules, source, delivery)


def _source(rules: Rules, name: str) -> Source:
    source = rules.sources.get(name)
    if source is None or source.kind not in KINDS:
        raise UnknownSourceError('There is no source of this name.')
    return source


def _rows(rules: Rules, source: str, event: Event) -> list[dict[str, object]]:
    """Return a row for each rule that an event is for; one without, where it is for none."""
    values = {**vars(event), 'labels': dict(event.labels), 'source': source}
    found = rules.matching(source, event.labels)
    if not found:
        return [{**values, 'outcome': UNMATCHED, 'reason': NO_RULE}]
    rows = [{'rule': each.id, 'program': each.program, 'outcome': RECEIVED} for each in found]
    return [{**values, **row} for row in rows]
