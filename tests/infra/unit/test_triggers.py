"""`infra triggers`: rules checked, calls tried, events listed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from infra import Client
from tests.infra.command import Command
from tests.infra.fake_service import FakeService, problem

EVENTS = '/v1/triggers/events'


def event(**more: Any) -> dict[str, Any]:
    return {
        'id': 'evt_1',
        'source': 'am',
        'rule': 'spike',
        'status': 'firing',
        'name': 'Spike',
        'outcome': 'started',
        'reason': 'workers 1 → 2 (at most 4)',
        'stack': 'shop',
        'run': 'run_1',
        'received_at': '2030-01-01T12:00:00.000Z',
        **more,
    }


def test_checked(service: FakeService, infra: Command, tmp_path: Path) -> None:
    """A file that can be used ends with 0; what is wrong is told by line, and ends with 2."""
    file = tmp_path / 'rules.toml'
    file.write_text('enabled = true\n')
    service.on('POST', '/v1/triggers/check', {'flaws': []})
    assert infra('triggers', 'check', str(file)).code == 0
    assert service.asked[0].body == {'rules': 'enabled = true\n'}
    flaw = {'line': 3, 'field': 'rule.spike.scale', 'detail': 'is wrong'}
    service.on('POST', '/v1/triggers/check', {'flaws': [flaw]})
    done = infra('triggers', 'check', '-', stdin=b'x = 1')
    assert (done.code, done.out) == (2, '-:3: rule.spike.scale is wrong\n')
    assert infra('triggers', 'check', '-', '--json').json == {'flaws': [flaw]}
    assert infra('triggers', 'check', str(tmp_path / 'none')).code == 2


def test_tried(service: FakeService, infra: Command, tmp_path: Path) -> None:
    """A recorded call is tried with its headers, and what would come of it is told."""
    file = tmp_path / 'call.json'
    file.write_text('{}')
    service.on('POST', '/v1/triggers/test', {'items': [event(run=None)]})
    done = infra('triggers', 'test', 'gh', str(file), '-H', 'X-GitHub-Event: push')
    assert done.code == 0
    assert 'workers 1 → 2 (at most 4)' in done.out
    headers = {'X-GitHub-Event': 'push'}
    assert service.asked[0].body == {'source': 'gh', 'body': '{}', 'headers': headers}
    assert infra('triggers', 'test', 'gh', str(file), '-H', 'nonsense').code == 2
    service.on('POST', '/v1/triggers/test', problem(404, 'There is no source.', 'not-found'))
    assert infra('triggers', 'test', 'no', str(file)).code == 5


def test_listed(service: FakeService, infra: Command, client: Client) -> None:
    """Events are listed by what is asked for, as many as are wanted."""
    page = {'items': [event(), event(id='evt_0', run=None)], 'next': None}
    service.on('GET', EVENTS, page)
    done = infra('triggers', 'events', '--rule', 'spike', '--outcome', 'started')
    assert 'run_1' in done.out
    assert 'rule=spike&outcome=started' in service.asked[0].query
    assert infra('triggers', 'events', '-q', '-n', '1').out == 'evt_1\n'
    assert [each.id for each in client.trigger_events()] == ['evt_1', 'evt_0']
    service.on('GET', EVENTS, {'items': [], 'next': None})
    assert 'There are no events' in infra('triggers', 'events').err
