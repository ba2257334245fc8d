"""Waiting for what happens in this service."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa

from stacks.errors import UnavailableError
from stacks.store.database import Database

logger = logging.getLogger(__name__)

# Seconds between two tries of a database that is away.
AGAIN = 1.0

Result = TypeVar('Result')


class Bell:
    """Rings when something has happened; who waits looks again."""

    def __init__(self) -> None:
        self.rings = 0
        self._rung = threading.Condition()

    def ring(self) -> None:
        """Have all who wait look again."""
        with self._rung:
            self.rings += 1
            self._rung.notify_all()

    def wait(self, heard: int, seconds: float) -> None:
        """Wait until it rings, or has since it had rung `heard` times; at most some seconds."""
        with self._rung:
            self._rung.wait_for(lambda: self.rings != heard, seconds)


def stored(
    database: Database, ended: threading.Event, action: Callable[[sa.Connection], Result]
) -> Result:
    """Do something in the database as soon as it answers.

    ended: is set where it is waited for no longer.

    Raises UnavailableError when it does not answer before that.
    """
    while True:
        try:
            with database.writing() as connection:
                return action(connection)
        except UnavailableError as error:
            if ended.wait(AGAIN):
                raise
            logger.warning('the database is waited for: %s', error)
