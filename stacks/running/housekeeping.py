"""What is due by the clock: stacks whose time is over, looks at drift, and what is old."""

from __future__ import annotations

import time
from datetime import timedelta

import sqlalchemy as sa

import durations
from settings import Settings
from stacks.migrating import reach
from stacks.moments import now
from stacks.operation.snapshots import Snapshots
from stacks.records import DESTROY, EXPIRED, REFRESH, SCHEDULED
from stacks.sessions import LONGEST, LONGEST_IDLE
from stacks.store import deliveries, events, migrations, runs, sessions, stacks
from stacks.store.database import Database
from stacks.store.stacks import Row
from stacks.submission import queue_run

LONGEST_RETRY = 3600.0
MOST_DOUBLED = 32
KEYS_KEPT = timedelta(days=1)
# Seconds between two looks for what is old.
CLEAN_EVERY = 60.0


class Housekeeping:
    """Does what is due; several services may do so at once."""

    def __init__(self, settings: Settings, database: Database, snapshots: Snapshots) -> None:
        self._settings = settings
        self._database = database
        self._snapshots = snapshots
        self._clean_at = time.monotonic() + CLEAN_EVERY

    def tend(self) -> bool:
        """Do all that is due now; return whether there are new runs."""
        is_new = self._expire()
        if time.monotonic() >= self._clean_at:
            self._clean_at = time.monotonic() + CLEAN_EVERY
            is_new = self._look_for_drift() or is_new
            self._warn()
            self._clean()
        return is_new

    def _expire(self) -> bool:
        with self._database.reading() as connection:
            due = stacks.due(connection, now())
        return any([self._destroy(row.name) for row in due])

    def _destroy(self, name: str) -> bool:
        with self._database.writing() as connection:
            row = stacks.by_name(connection, name, lock=True)
            if row is None or not _is_due(row) or runs.active(connection, row.id):
                return False
            queue_run(connection, row, DESTROY, row.owner, reason=EXPIRED)
            # Counted now, and for what comes after a failure; after a success there is no stack.
            # Beyond some power of two there are no such times.
            doubled = self._settings.expiry_retry * 2.0 ** min(row.expiry_failures, MOST_DOUBLED)
            delay = timedelta(seconds=min(doubled, LONGEST_RETRY))
            stacks.change(connection, row.id, expiry_retry_at=now() + delay)
            return True

    def _look_for_drift(self) -> bool:
        if not self._settings.drift_check:
            return False
        with self._database.reading() as connection:
            before = now() - durations.parse(self._settings.drift_check)
            idle = stacks.idle_unlooked(connection, before)
        return any([self._look_at(row.name) for row in idle])

    def _look_at(self, name: str) -> bool:
        with self._database.writing() as connection:
            row = stacks.by_name(connection, name, lock=True)
            if row is None or runs.active(connection, row.id):
                return False
            queue_run(connection, row, REFRESH, row.owner, reason=SCHEDULED)
            return True

    def _warn(self) -> None:
        span = durations.parse(self._settings.expiry_warning)
        with self._database.writing() as connection:
            events.warn(connection, now() + span, span)

    def _clean(self) -> None:
        with self._database.writing() as connection:
            self._remove_old(connection)
            digests = stacks.digests(connection)
            known = migrations.ids(connection)
        reach.remove_copies_but(self._settings, known)
        self._snapshots.remove_all_but(digests)

    def _remove_old(self, connection: sa.Connection) -> None:
        kept_since = now() - durations.parse(self._settings.run_retention)
        runs.remove_ended(connection, kept_since)
        deliveries.remove_ended(connection, kept_since)
        migrations.remove_old(connection)
        runs.remove_keys(connection, now() - KEYS_KEPT)
        sessions.remove_old(connection, now() - LONGEST, now() - LONGEST_IDLE)


def _is_due(row: Row) -> bool:
    """Tell whether a stack is due still, as another service may have seen to it meanwhile."""
    is_time = row.expiry_retry_at is None or row.expiry_retry_at <= now()
    is_over = row.expires_at is not None and row.expires_at <= now()
    return is_over and is_time and not row.protected
