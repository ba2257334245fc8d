"""What people can ask of notifications; only operators see them, and what receivers answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import audit
from stacks import cursors, permissions
from stacks.errors import NotFoundError
from stacks.moments import aware
from stacks.records import Caller, Notification, Page
from stacks.requests import NotificationFilter
from stacks.store import deliveries
from stacks.store.database import Database


@dataclass(frozen=True)
class Disabled:
    """Why a destination is sent nothing any more, and since when."""

    reason: str
    disabled_at: datetime


class Notifications:
    """What was sent to whom, and what came back; for any thread.

    Every method may raise UnavailableError, and ForbiddenError for others than operators.
    """

    def __init__(self, database: Callable[[], Database]) -> None:
        """Take what returns the database, or raises UnavailableError as long as there is none."""
        self._database = database

    def all(
        self, caller: Caller, where: NotificationFilter, limit: int, cursor: str | None
    ) -> Page[Notification]:
        """Return notifications, the newest first.

        Raises InvalidError when the cursor is none.
        """
        permissions.insist_on_role(caller, 'operator')
        before = cursors.number(cursor)
        with self._database().reading() as connection:
            found = deliveries.page(connection, where, caller.programs, limit + 1, before)
        return cursors.numbered(found, limit, deliveries.shown)

    def disabled(self, caller: Caller) -> dict[str, Disabled]:
        """Return by their names the destinations that are sent nothing any more."""
        permissions.insist_on_role(caller, 'operator')
        with self._database().reading() as connection:
            found = deliveries.disabled(connection)
        return {name: Disabled(row.reason, aware(row.disabled_at)) for name, row in found.items()}

    def enable(self, caller: Caller, name: str) -> None:
        """Have a destination be sent to again what happens from now on.

        Raises NotFoundError when it is not disabled.
        """
        permissions.insist_on_role(caller, 'operator')
        with self._database().writing() as connection:
            is_enabled = deliveries.enable(connection, name)
        if not is_enabled:
            raise NotFoundError('There is no disabled destination of this name.')
        audit.note('-', f'enable destination {name}', 'succeeded')
