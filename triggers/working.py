"""Decides what was received, and what is due by the clock; several services may do so at once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

import audit
import durations
import metrics
from audit import current_caller
from settings import Settings
from stacks.errors import UnavailableError
from stacks.moments import now
from stacks.store.database import Database
from stacks.store.stacks import Row
from triggers.deciding import Decider
from triggers.decision import Decision
from triggers.records import FAILED
from triggers.rules.rule import Rules
from triggers.store import chat, episodes, events, turn

logger = logging.getLogger(__name__)

# How long it is remembered that a call was received: some senders sign no time.
KEYS_KEPT = timedelta(days=366)
# Seconds between two looks for what is old.
CLEAN_EVERY = 60.0
DEFECT = 'The service has a defect; its log says more.'
# What is noted of a look by the clock.
DUE = 'due'


class Worker:
    """Does what there is to do."""

    def __init__(self, settings: Settings, database: Database, decider: Decider) -> None:
        self._settings = settings
        self._database = database
        self._decider = decider
        self._clean_at = time.monotonic() + CLEAN_EVERY

    def work(self, rules: Rules, is_ending: Callable[[], bool] = lambda: False) -> bool:
        """Do all that there is to do now; return whether there are new runs.

        is_ending: whether the rest is left to the next service.
        """
        is_new = False
        while not is_ending() and (row := self._undecided()) is not None:
            is_new = self._decide(rules, row) or is_new
        for row in self._due():
            is_new = (not is_ending() and self._tend(rules, row)) or is_new
        self._clean()
        return is_new

    def _undecided(self) -> Row | None:
        with self._database.reading() as connection:
            return events.undecided(connection)

    def _due(self) -> list[Row]:
        with self._database.reading() as connection:
            return episodes.due(connection, now())

    def _decide(self, rules: Rules, row: Row) -> bool:
        try:
            with self._database.writing() as connection:
                turn.take(connection)
                first = events.undecided(connection)
                if first is None:
                    return False
                row = first
                decision = self._decider.decide(connection, rules, row)
                events.decide(connection, row.number, decision.columns())
        except UnavailableError:
            raise
        except sa.exc.IntegrityError as error:
            # Somebody else has made the same stack meanwhile; it is there the next time.
            raise UnavailableError('Another one came first.') from error
        except Exception:
            # Only this event is to suffer from a defect.
            logger.exception('event %s met a defect', row.id)
            self._fail(row)
            return False
        return _told(row, row.status, decision)

    def _tend(self, rules: Rules, row: Row) -> bool:
        try:
            with self._database.writing() as connection:
                turn.take(connection)
                row = episodes.by_number(connection, row.number)
                if not _is_due(row):
                    return False
                decision = self._decider.tend(connection, rules, row)
                if decision is None:
                    return False
                events.insert(connection, {**_of(row), **decision.columns(), 'decided_at': now()})
        except UnavailableError:
            raise
        except Exception:
            logger.exception('the look at an episode of rule %s met a defect', row.rule)
            with self._database.writing() as connection:
                episodes.end(connection, row.number)
            return False
        return _told(row, DUE, decision)

    def _fail(self, row: Row) -> None:
        with self._database.writing() as connection:
            events.decide(connection, row.number, {'outcome': FAILED, 'reason': DEFECT})

    def _clean(self) -> None:
        if time.monotonic() < self._clean_at:
            return
        self._clean_at = time.monotonic() + CLEAN_EVERY
        before = now() - durations.parse(self._settings.run_retention)
        with self._database.writing() as connection:
            events.remove_old(connection, before, now() - KEYS_KEPT)
            episodes.remove_old(connection, before)
            chat.remove_old(connection)


def _told(row: Row, status: str, decision: Decision) -> bool:
    """Note who had what done and why; return whether there is a new run."""
    current_caller.set(f'{decision.caller or "-"}@{row.source}')
    result = f'{decision.outcome} {decision.run_id}' if decision.run_id else decision.outcome
    action = f'trigger {row.rule}: {row.name} {status}'
    audit.note(decision.stack or '-', action, result)
    metrics.TRIGGERS.labels(row.source, decision.outcome).inc()
    return decision.run_id is not None


def _is_due(row: Row) -> bool:
    """Tell whether an episode is due still, as another service may have seen to it meanwhile."""
    moments = [each for each in (row.due_at, row.lease_until) if each is not None]
    return row.state in episodes.OPEN and any(each <= now() for each in moments)


def _of(row: Row) -> dict[str, Any]:
    columns = ('source', 'rule', 'name', 'fingerprint', 'episode', 'labels', 'url')
    return {**{name: getattr(row, name) for name in columns}, 'status': DUE}
