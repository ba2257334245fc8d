"""Triggers over records in a file, with rules as a test has them, and calls of each sender."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from stacks.moments import now
from stacks.platform import Records
from stacks.records import Caller
from stacks.store.tables import trigger_episodes
from tests.records import ANNA, OPERATOR, Site, vault
from triggers.event import Call
from triggers.records import EventFilter, TriggerEvent
from triggers.rules.file import RulesFile
from triggers.triggers import Triggers
from triggers.working import Worker
from web.identity import Caller as Named

# What no answer, log or table may have in it.
TOKEN = 'a-planted-token-of-a-source'
WHSEC = 'whsec_cGxhbnRlZC1wbGFudGVkLXBsYW50ZWQtcGxhbnRlZA=='
SOURCE = """
[source.am]
kind = "alertmanager"
secret_file = "{secret}"
"""
RULE = """
[[rule]]
id = "spike"
source = "am"
run_as = "anna"
match = {{ alertname = "Spike", app = ["shop", "blog"] }}
program = "token"
stack = "cap-${{labels.app}}"
inputs = {{ team = "${{labels.app}}", key = "12345" }}
scale = {{ input = "size", step = 1, min = 1, max = 4 }}
on_resolved = "restore"
dry_run = false
{more}
"""
PEOPLE = {each.name: each for each in (ANNA, OPERATOR, Named('rob', 'reader'))}
ALL = EventFilter()
STARTED = '2030-01-01T12:00:00.000Z'


class Trying:
    """Triggers whose worker works when a test says so, and whose runs end when it says so."""

    def __init__(self, site: Site, rules: str = SOURCE + RULE, more: str = '') -> None:
        self.site = site
        folder = site.settings.state_dir
        self.secret = folder / 'secret'
        self.secret.write_text(TOKEN)
        self.file = folder / 'rules.toml'
        self.write(rules, more)
        site.settings = replace(site.settings, triggers_file=str(self.file))
        records = Records(site.database, vault())
        self.triggers = Triggers(
            site.settings, site.catalogue, lambda: records, site.bell, PEOPLE.get
        )
        decider = self.triggers._decider(records)
        self.worker = Worker(site.settings, site.database, decider)

    def write(self, rules: str = SOURCE + RULE, more: str = '') -> None:
        """Write the file of rules."""
        self.file.write_text(rules.format(secret=self.secret, more=more))

    def receive(self, body: Any, source: str = 'am', **headers: str) -> list[TriggerEvent]:
        """Receive a call."""
        given = {'authorization': f'Bearer {TOKEN}', **headers}
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        call = Call({name.replace('_', '-'): value for name, value in given.items()}, raw)
        return self.triggers.receive(source, call)[0]

    def work(self) -> None:
        """Decide what there is to decide."""
        self.worker.work(self.triggers._file.current())

    def told(self, body: Any, **more: Any) -> TriggerEvent:
        """Receive a call with one event, decide, and return what became of it."""
        [found] = self.receive(body, **more)
        self.work()
        return next(each for each in self.events() if each.id == found.id)

    def events(self, caller: Caller = OPERATOR, where: EventFilter = ALL) -> list[TriggerEvent]:
        """Return all events, the newest first."""
        return list(self.triggers.events(caller, where, 1000, None).items)

    def outcomes(self) -> list[str]:
        """Return what became of each event, in their order."""
        return [each.outcome for each in reversed(self.events())]

    def end_runs(self, stack: str = 'cap-shop', state: str = 'succeeded') -> None:
        """Have all runs of a stack end, as the service ends them."""
        for run in self.site.runs(stack):
            if run.ended_at is None:
                self.site.change_run(run.id, state=state, ended_at=now())
                self.site.change_stack(stack, state='ready', inputs=run.inputs)

    def let_all_be_due(self) -> None:
        """Have everything that waits for a moment be due now."""
        table = trigger_episodes
        with self.site.database.writing() as connection:
            waits = table.c.due_at.is_not(None)
            connection.execute(table.update().where(waits).values(due_at=now()))

    def open_episodes(self) -> int:
        """Return how many alerts go on."""
        with self.site.database.reading() as connection:
            query = sa.select(sa.func.count()).where(trigger_episodes.c.state != 'over')
            return int(connection.execute(query).scalar_one())

    def size(self, stack: str = 'cap-shop') -> int:
        """Return the number that rules move."""
        return int(self.site.stack(stack).inputs['plain']['size'])


def alert(status: str = 'firing', started: str = STARTED, **labels: str) -> dict[str, Any]:
    """Return a call of Alertmanager with one alert."""
    found = {'alertname': 'Spike', 'app': 'shop', **labels}
    return {
        'version': '4',
        'receiver': 'infra',
        'status': status,
        'truncatedAlerts': 0,
        'groupKey': '{}:{}',
        'alerts': [
            {
                'status': status,
                'labels': found,
                'annotations': {'summary': 'many'},
                'startsAt': started,
                'endsAt': '0001-01-01T00:00:00Z',
                'generatorURL': 'http://prometheus.example/graph',
                'fingerprint': f'fp-{found["app"]}',
            }
        ],
    }


def rules_file(folder: Path, text: str) -> RulesFile:
    """Return a file of rules with this in it."""
    file = folder / 'some.toml'
    file.write_text(text)
    return RulesFile(str(file), lambda name: name in PEOPLE)
