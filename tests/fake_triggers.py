"""Triggers that only remember: no rules, no database. There is one source, `am`."""

from __future__ import annotations

from collections.abc import Iterable

from stacks import permissions
from stacks.records import Caller, Page
from tests.fake_platform import page
from tests.fake_records import NOW
from triggers import payload, signing
from triggers.errors import UnknownSourceError
from triggers.event import Call
from triggers.records import OUTCOMES, EventFilter, TriggerEvent
from triggers.rules.reading import RuleFlaw
from triggers.triggers import Triggers

TOKEN = 'a-token-of-the-source'


class FakeTriggers(Triggers):
    """Events in memory."""

    def __init__(self) -> None:
        self.found: list[TriggerEvent] = []

    def receive(self, source: str, call: Call) -> tuple[list[TriggerEvent], str]:
        _insist_on_source(source)
        given = call.header('authorization')
        signing.insist(signing.is_any([given], [f'Bearer {TOKEN}']))
        payload.parse(call.body)
        self.found.append(event(len(self.found)))
        return self.found[-1:], ''

    def talk(self, source: str, call: Call) -> None:
        return None

    def events(
        self, caller: Caller, where: EventFilter, limit: int, cursor: str | None
    ) -> Page[TriggerEvent]:
        permissions.insist_on_role(caller, 'reader')
        wanted = {name: value for name, value in vars(where).items() if value is not None}
        found = (
            each
            for each in reversed(self.found)
            if all(getattr(each, name) == value for name, value in wanted.items())
        )
        return page({each.id: each for each in found}, limit, cursor)

    def check(self, caller: Caller, text: str) -> list[RuleFlaw]:
        permissions.insist_on_role(caller, 'operator')
        return [RuleFlaw(1, 'rule', 'is wrong')] if 'wrong' in text else []

    def test(self, caller: Caller, source: str, call: Call) -> list[TriggerEvent]:
        permissions.insist_on_role(caller, 'operator')
        _insist_on_source(source)
        payload.parse(call.body)
        return [event(0)]


def event(number: int, **given: object) -> TriggerEvent:
    """Return an event, of which a run came where its number is even."""
    values: dict[str, object] = {
        'id': f'evt_{number:04}',
        'source': 'am',
        'rule': 'spike',
        'status': 'firing',
        'name': 'Spike',
        'labels': {'app': 'shop'},
        'url': 'https://prometheus.example/graph',
        'outcome': 'started' if number % 2 == 0 else OUTCOMES[2 + number % (len(OUTCOMES) - 2)],
        'reason': 'size 1 → 2 (at most 4)',
        'program': 'token',
        'stack': 'web',
        'target': {'input': 'size', 'from': 1, 'to': 2} if number % 2 == 0 else None,
        'caller': 'anna',
        'run': f'run_{number:04}' if number % 2 == 0 else None,
        'received_at': NOW,
        'decided_at': NOW,
    }
    return TriggerEvent(**{**values, **given})  # type: ignore[arg-type]


def add_some(triggers: FakeTriggers, numbers: Iterable[int] = range(26)) -> None:
    """Have some events be there."""
    triggers.found += [event(number) for number in numbers]


def _insist_on_source(source: str) -> None:
    if source != 'am':
        raise UnknownSourceError('There is no source of this name.')
