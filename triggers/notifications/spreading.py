"""Has what has happened be sent to all who are to be told."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from stacks.store import deliveries, events
from stacks.store.database import Database
from triggers.notifications.destinations import Destination

DISABLED = 'The destination is disabled.'


def spread(database: Database, destinations: Sequence[Destination]) -> None:
    """Add a delivery of each event for each destination that it is for.

    Raises UnavailableError.
    """
    # A look first: writing needs the database for itself, where that is a file.
    with database.reading() as connection:
        if not events.has_unspread(connection):
            return
    with database.writing() as connection:
        disabled = _disabled(connection, destinations)
        for event in events.unspread(connection):
            chosen = [each for each in destinations if event.type in each.events]
            for each in chosen:
                dropped = DISABLED if each.name in disabled else ''
                deliveries.insert(connection, event.number, each.name, dropped)
            if chosen:
                events.spread(connection, event.number)
            else:
                events.remove(connection, event.number)


def _disabled(connection: sa.Connection, destinations: Sequence[Destination]) -> set[str]:
    """Return the names of disabled destinations; those that have changed are so no more."""
    found = deliveries.disabled(connection)
    for each in destinations:
        row = found.get(each.name)
        if row is not None and row.fingerprint != each.fingerprint:
            deliveries.enable(connection, each.name)
            del found[each.name]
    return set(found)
