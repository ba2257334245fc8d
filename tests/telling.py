"""A notifier of a platform in a file, which sends nowhere, and runs that end."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stacks.moments import now
from stacks.records import Notification
from stacks.requests import NotificationFilter
from stacks.running.waiting import Bell
from stacks.store import runs
from tests.records import ANNA, OPERATOR, Site, order
from triggers.notifications import spreading
from triggers.notifications.destinations import Destinations
from triggers.notifications.notifier import Notifier
from triggers.outbound import Answer, Outbound

KEY = base64.b64encode(b'planted-key-of-24-bytes!').decode()
OLD = base64.b64encode(b'planted-old-of-24-bytes!').decode()
HOOK = 'whsec_' + KEY
ENVIRON = {
    'HOOK_SECRET': HOOK,
    'OLD_SECRET': 'whsec_' + OLD,
    'SLACK_URL': 'https://hooks.slack.com/services/planted-capability',
}
ONE = """
[[destination]]
name = "ops"
kind = "standard-webhooks"
url = "https://hooks.example/in"
secret_from = "HOOK_SECRET"
"""
WHERE = NotificationFilter()


@dataclass
class FakeOutbound(Outbound):
    """Remembers what is sent, and answers as a test wants."""

    answer: Callable[[str], Answer] = lambda url: Answer(204, '', '')
    sent: list[tuple[str, bytes, Mapping[str, str]]] = field(default_factory=list)

    def post(
        self, url: str, body: bytes, headers: Mapping[str, str], seconds: float = 15
    ) -> Answer:
        self.sent.append((url, body, headers))
        return self.answer(url)


@dataclass
class Told:
    """A notifier of a platform, which looks when a test has it look."""

    site: Site
    file: Path
    outbound: FakeOutbound = field(default_factory=FakeOutbound)
    name: str = 'here'

    def __post_init__(self) -> None:
        self.notifier = Notifier(
            'https://infra.example',
            self.site.database,
            self.name,
            Destinations(str(self.file), ENVIRON),
            self.outbound,
            bell=Bell(),
        )

    def spread(self) -> None:
        """Have what has happened be sent, but do not send it."""
        spreading.spread(self.site.database, Destinations(str(self.file), ENVIRON).all())

    def look(self) -> None:
        """Send what is due, one after the other, until nothing is."""
        before = -1
        while before != len(self.outbound.sent):
            before = len(self.outbound.sent)
            self.notifier.tend()
            for thread in list(self.notifier._sending.values()):
                thread.join()

    def all(self) -> list[Notification]:
        """Return what people see, the oldest first."""
        found = self.site.platform.notifications.all(OPERATOR, WHERE, 200, None).items
        return list(reversed(found))

    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, body, _ in self.outbound.sent]


def end_run(site: Site, name: str = 'one', state: str = 'succeeded', **values: Any) -> str:
    """Have a stack's run end; return the run's id."""
    run = site.platform.create(ANNA, order(name))
    return end(site, run.id, state, **values)


def end(site: Site, run_id: str, state: str, **values: Any) -> str:
    with site.database.writing() as connection:
        row = runs.claim(connection, 'somebody')
        assert row is not None
        assert row.id == run_id
        given = {'state': state, 'ended_at': now(), **values}
        assert runs.change(connection, run_id, 'somebody', **given)
    return run_id
