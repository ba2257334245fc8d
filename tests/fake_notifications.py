"""Notifications that only are remembered."""

from __future__ import annotations

from typing import Any

from stacks import cursors, permissions
from stacks.errors import NotFoundError
from stacks.notifications import Disabled, Notifications
from stacks.records import Caller, Notification, Page
from stacks.requests import NotificationFilter
from tests.fake_records import NOW

WHY = 'It is gone.'


class FakeNotifications(Notifications):
    """Notifications in memory; off: the destinations that are disabled."""

    def __init__(self, platform: Any) -> None:
        self._platform = platform
        self.found: list[Notification] = []
        self.off: set[str] = set()

    def add(self, **given: Any) -> None:
        """Add one that has arrived, but for what is given."""
        number = len(self.found) + 1
        values = {
            'id': f'ntf_{number:04}',
            'event': f'evt_{number:04}',
            'type': 'run.failed',
            'stack': 'web',
            'run': 'run_0001',
            'destination': 'ops',
            'state': 'delivered',
            'attempts': 1,
            'status': 200,
            'answer': 'thanks',
            'created_at': NOW,
            'answered_at': NOW,
            'due_at': None,
        }
        self.found.append(Notification(**{**values, **given}))

    def all(
        self, caller: Caller, where: NotificationFilter, limit: int, cursor: str | None
    ) -> Page[Notification]:
        self._platform.answer()
        permissions.insist_on_role(caller, 'operator')
        after = cursors.number(cursor) or 0
        wanted = (
            *(('destination', where.destination), ('state', where.state)),
            ('stack', where.stack),
        )
        found = [
            each
            for each in reversed(self.found)
            if all(value in (None, getattr(each, name)) for name, value in wanted)
        ][after:]
        return Page(found[:limit], str(after + limit) if len(found) > limit else None)

    def disabled(self, caller: Caller) -> dict[str, Disabled]:
        self._platform.answer()
        permissions.insist_on_role(caller, 'operator')
        return {name: Disabled(WHY, NOW) for name in self.off}

    def enable(self, caller: Caller, name: str) -> None:
        self._platform.answer()
        permissions.insist_on_role(caller, 'operator')
        if name not in self.off:
            raise NotFoundError('There is no disabled destination of this name.')
        self.off.remove(name)
