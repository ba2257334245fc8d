"""The client class: what it asks for, lists, logs, waits, and cancels that may have arrived."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest

from infra import Client, ConflictError, Run, UnavailableError, WaitTimeoutError
from infra.waiting import LONGEST_OUTAGE
from tests.infra import said
from tests.infra.fake_service import Answer, FakeService, problem
from tests.infra.fake_time import FakeTime

RUN = '/v1/runs/run_1'
BUSY = problem(503, 'Not now.', 'unavailable')


def test_lists_in_pages(service: FakeService, client: Client) -> None:
    """A list is all of its pages."""
    pages = [
        said.page(said.stack(name='a'), next='there'),
        said.page(said.stack(name='b')),
    ]
    service.on('GET', '/v1/stacks', *pages)
    found = client.stacks(program='files', state='failed')
    assert [each.name for each in found] == ['a', 'b']
    queries = [each.query for each in service.asked]
    assert queries[0] == 'program=files&state=failed&limit=200'
    assert queries[1].endswith('&cursor=there')


def test_list_without_end(service: FakeService, client: Client) -> None:
    """A list whose next page is the same one ends."""
    service.on('GET', '/v1/runs', said.page(said.run(), next='here'))
    assert len(list(client.runs())) == 2


def test_create(service: FakeService, client: Client) -> None:
    """A new stack is asked for with what was given, and nothing else."""
    service.on('POST', '/v1/stacks', Answer(said.running(), 202))
    client.create('files', 'web', {'names': ['a']}, ttl='8h')
    assert service.asked[0].body == {
        'program': 'files',
        'name': 'web',
        'inputs': {'names': ['a']},
        'ttl': '8h',
    }


@pytest.mark.parametrize('known', [{}, {'preview': {}}])
def test_can_preview_new(service: FakeService, client: Client, known: dict[str, object]) -> None:
    """Whether new stacks have a preview is what the service's description says."""
    schemas = {'NewStack': {'properties': known}}
    service.on('GET', '/openapi.json', {'components': {'schemas': schemas}})
    assert client.can_preview_new() == bool(known)


def test_names_in_paths(service: FakeService, client: Client) -> None:
    """A name does not lead to another path."""
    service.on('GET', '/v1/stacks/..%2Fruns%3Fa', said.stack())
    client.stack('../runs?a')


def test_values(service: FakeService, client: Client) -> None:
    """Records are typed values, with all that was said in `json`."""
    drift = {'checked_at': '2030-01-01T12:00:00Z', 'changes': {'update': 1}}
    service.on('GET', '/v1/stacks/web', said.stack(drift=drift, new_member=1))
    stack = client.stack('web')
    assert stack.created_at == datetime(2030, 1, 1, 12, tzinfo=timezone.utc)
    assert stack.drift
    assert stack.drift.changes == {'update': 1}
    assert stack.json['new_member'] == 1
    changes = [{'path': 'size', 'old': 1, 'new': None}]
    service.on('GET', RUN, said.failed(resources=[said.resource('a', differences=changes)]))
    run = client.run('run_1')
    assert run.error
    assert run.error.resource == 'a'
    assert run.resources[0].differences[0].old == 1


def test_extend(service: FakeService, client: Client) -> None:
    """A stack lasts longer than it would have, unless it was changed meanwhile."""
    service.on('GET', '/v1/stacks/web', said.stack(expires_at='2090-01-01T12:00:00Z'))
    service.on('PATCH', '/v1/stacks/web', said.stack())
    client.extend('web', '8h')
    asked = service.asked[-1]
    assert asked.body == {'expires_at': '2090-01-01T20:00:00+00:00'}
    assert asked.headers['If-Match'] == '"7"'
    assert asked.headers['Content-Type'] == 'application/merge-patch+json'


def test_extend_what_is_over(service: FakeService, client: Client) -> None:
    """A stack that should be gone already lasts from now on."""
    service.on('GET', '/v1/stacks/web', said.stack(expires_at='2020-01-01T12:00:00Z'))
    service.on('PATCH', '/v1/stacks/web', said.stack())
    client.extend('web', '8h')
    until = datetime.fromisoformat(service.asked[-1].body['expires_at'])
    assert abs(until - datetime.now(timezone.utc) - timedelta(hours=8)) < timedelta(minutes=1)


def test_extend_what_never_ends(service: FakeService, client: Client) -> None:
    """A stack that lasts for ever already is left as it is."""
    service.on('GET', '/v1/stacks/web', said.stack())
    assert client.extend('web', '8h').expires_at is None
    assert service.paths('PATCH') == []


def test_wait(service: FakeService, client: Client, time: FakeTime) -> None:
    """A wait looks again and again, ever less often, until the run has ended."""
    service.on('GET', RUN, *[said.running()] * 100, said.run())
    seen: list[Run] = []
    assert client.wait('run_1', on_change=seen.append).has_succeeded
    assert len(seen) == 101
    assert (time.pauses[0], time.pauses[10], time.pauses[50], time.pauses[-1]) == (0.1, 0.5, 1, 2)


@pytest.mark.parametrize('state', ['failed', 'cancelled', 'interrupted', 'unheard-of'])
def test_wait_for_any_end(service: FakeService, client: Client, state: str) -> None:
    """A wait ends with the run, in whatever state that is."""
    service.on('GET', RUN, said.running(), said.run(state=state))
    found = client.wait('run_1')
    assert (found.state, found.has_succeeded) == (state, False)


def test_wait_in_time(service: FakeService, client: Client, time: FakeTime) -> None:
    """A wait that takes too long ends on time, and says that the run goes on."""
    service.on('GET', RUN, said.running())
    with pytest.raises(WaitTimeoutError, match='It goes on: infra wait run_1') as caught:
        client.wait('run_1', timeout=5)
    assert sum(time.pauses) == pytest.approx(5)
    assert caught.value.run == 'run_1'


def test_wait_through_an_outage(service: FakeService, client: Client, time: FakeTime) -> None:
    """A wait bears that the service is away for a while, and tells of it."""
    away = [BUSY, Answer(b'<html>Bad gateway', 502), BUSY, BUSY, BUSY, BUSY]
    service.on('GET', RUN, said.running(), *away, said.run())
    assert client.wait('run_1').has_succeeded
    assert len(time.lost) == len(away)
    assert 0.8 <= time.lost[0] < 3 < time.lost[3] < 18


def test_wait_through_an_outage_that_lasts(
    service: FakeService, client: Client, time: FakeTime
) -> None:
    """A wait for a service that does not come back is given up after some minutes."""
    service.on('GET', RUN, said.running(), BUSY)
    with pytest.raises(UnavailableError):
        client.wait('run_1')
    assert LONGEST_OUTAGE < sum(time.lost) < 2 * LONGEST_OUTAGE


def test_wait_on_time_in_an_outage(service: FakeService, client: Client, time: FakeTime) -> None:
    """A wait ends on time also while the service is away."""
    service.on('GET', RUN, BUSY)
    with pytest.raises(WaitTimeoutError):
        client.wait('run_1', timeout=20)
    assert sum(time.pauses) == pytest.approx(20)


def test_log(service: FakeService, client: Client) -> None:
    """A log is read to where it is now, without waiting for more."""
    parts = [said.part('äé\n', complete=False), said.part('', 5, complete=False, state='running')]
    service.on('GET', f'{RUN}/log', *parts)
    assert ''.join(part.text for part in client.log('run_1')) == 'äé\n'
    assert [each.query for each in service.asked] == ['offset=0', 'offset=5']


def test_log_followed(service: FakeService, client: Client, time: FakeTime) -> None:
    """A log that is followed goes on until it is complete, at once where there is more."""
    full = 'x' * 30_000 + '\n'
    parts = [
        said.part(full, complete=False, state='running'),
        said.part('a\n', 30_001, complete=False, state='running'),
        said.part('', 30_003, complete=False, state='running'),
        said.part('b\n', 30_003),
    ]
    service.on('GET', f'{RUN}/log', *parts)
    found = [part.text for part in client.log('run_1', follow=True)]
    assert found == [full, 'a\n', '', 'b\n']
    assert len(time.pauses) == 2


def test_log_without_an_end(service: FakeService, client: Client) -> None:
    """A log ends when its run has ended and nothing comes, though it does not say so."""
    odd = said.part('', complete=False, state='unheard-of')
    service.on('GET', f'{RUN}/log', odd)
    assert len(list(client.log('run_1', follow=True))) == 1


def test_cancel_is_sent_once(service: FakeService, client: Client) -> None:
    """A cancel that may have arrived is not sent again: the second one would not be gentle."""
    service.on('POST', f'{RUN}/cancel', BUSY)
    service.on('GET', RUN, said.running(cancel_requested=True))
    assert client.cancel('run_1').cancel_requested
    service.on('GET', RUN, said.running())
    with pytest.raises(UnavailableError):
        client.cancel('run_1')
    assert service.paths('POST') == [f'{RUN}/cancel'] * 2


def test_cancel_too_late(service: FakeService, client: Client) -> None:
    """A run that has ended cannot be cancelled."""
    service.on('POST', f'{RUN}/cancel', problem(409, 'This run has ended.', 'run-ended'))
    with pytest.raises(ConflictError):
        client.cancel('run_1')


def test_inputs_that_json_has_not(service: FakeService, client: Client) -> None:
    """A value that JSON does not have is refused before anything is sent."""
    with pytest.raises(ValueError, match='JSON'):
        client.update('web', {'size': float('nan')})
    assert json.dumps(service.paths('POST')) == '[]'
