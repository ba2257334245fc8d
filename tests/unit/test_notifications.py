"""What others are told of, and how long it is tried."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from stacks.moments import aware, moment, now
from stacks.requests import NotificationFilter
from stacks.store import deliveries, events
from stacks.submission import queue_run
from tests.clock import Clock
from tests.records import ANNA, OPERATOR, READER, Site, order
from tests.telling import ENVIRON, HOOK, KEY, ONE, WHERE, Told, end, end_run
from triggers.notifications.destinations import Destinations
from triggers.outbound import Answer, OutboundError
from web.identity import Caller

HOUR = timedelta(hours=1)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def told(site: Site, tmp_path: Path) -> Iterator[Told]:
    file = tmp_path / 'notifications.toml'
    file.write_text(ONE)
    found = Told(site, file)
    yield found
    found.notifier.stop()


def test_told(told: Told) -> None:
    """The end of a run is told once, with what it was, and signed for the receiver."""
    run_id = end_run(told.site, changes={'create': 2})
    told.look()
    [(url, body, headers)] = told.outbound.sent
    assert url == 'https://hooks.example/in'
    said = json.loads(body)
    Webhook(HOOK).verify(body, {name.lower(): value for name, value in headers.items()})
    assert said['type'] == 'run.succeeded'
    assert said['data']['run'] == run_id
    assert said['data']['url'] == f'https://infra.example/portal/runs/{run_id}'
    assert said['data']['changes'] == {'create': 2}
    [found] = told.all()
    assert (found.event, found.run, found.state) == (headers['Webhook-Id'], run_id, 'delivered')
    assert (found.attempts, found.status, found.due_at) == (1, 204, None)


def test_rotation(told: Told) -> None:
    """While a secret is replaced, receivers with the old and those with the new one can verify."""
    told.file.write_text(ONE + 'previous_secret_from = "OLD_SECRET"\n')
    end_run(told.site)
    told.look()
    _, body, headers = told.outbound.sent[0]
    for secret in (HOOK, ENVIRON['OLD_SECRET']):
        Webhook(secret).verify(body, {name.lower(): value for name, value in headers.items()})


def test_hour(told: Told, clock: Clock) -> None:
    """A receiver that is down for an hour gets it afterwards, once, under the same id."""
    up_at = now()
    clock.go(hours=1)
    up_at = now()
    clock.go(hours=-1)

    def answer(url: str) -> Answer:
        if now() < up_at:
            raise OutboundError('hooks.example cannot be reached: connection refused.')
        return Answer(200, '', 'thanks')

    told.outbound.answer = answer
    end_run(told.site)
    for _ in range(240):
        told.look()
        clock.go(minutes=1)
    headers = [each[2] for each in told.outbound.sent]
    assert len({each['Webhook-Id'] for each in headers}) == 1
    stamps = [each['Webhook-Timestamp'] for each in headers]
    assert len(set(stamps)) == len(stamps) == 5  # at 0, 1, 7, 44 minutes, and 2 hours later
    [found] = told.all()
    assert (found.state, found.attempts, found.answer) == ('delivered', 5, 'thanks')


def test_given_up(told: Told, clock: Clock) -> None:
    """What fails for days is given up after the last attempt, and says how that failed."""
    told.outbound.answer = lambda url: Answer(500, '', 'broken\nhere')
    end_run(told.site)
    for _ in range(12):
        told.look()
        clock.go(hours=30)
    assert len(told.outbound.sent) == 10
    [found] = told.all()
    assert (found.state, found.status, found.answer) == ('failed', 500, 'broken here')


@pytest.mark.parametrize('status', [301, 302, 307, 400, 404, 429, 503])
def test_failure(told: Told, clock: Clock, status: int) -> None:
    """Any other answer than one of success is a failure, and tried again."""
    told.outbound.answer = lambda url: Answer(status, '', '')
    end_run(told.site)
    told.look()
    [found] = told.all()
    assert (found.state, found.status) == ('waiting', status)
    assert found.due_at is not None
    assert aware(now()) < found.due_at
    clock.go(minutes=1)
    told.look()
    assert len(told.outbound.sent) == 2


@pytest.mark.parametrize('wanted', ['600', 'date'])
def test_retry_after(told: Told, clock: Clock, wanted: str) -> None:
    """A receiver that wants to be left alone for longer is."""
    until = now()
    if wanted == 'date':
        clock.go(minutes=10)
        until = now()
        clock.go(minutes=-10)
        wanted = until.strftime('%a, %d %b %Y %H:%M:%S GMT')
    told.outbound.answer = lambda url: Answer(429, wanted, '')
    end_run(told.site)
    told.look()
    clock.go(minutes=9)
    told.look()
    assert len(told.outbound.sent) == 1
    clock.go(minutes=2)
    told.look()
    assert len(told.outbound.sent) == 2


@pytest.mark.parametrize('wanted', ['', 'soon', '-5', '9' * 400, 'Mon, 99 Nov 2026 00:00:00 GMT'])
def test_no_retry_after(told: Told, clock: Clock, wanted: str) -> None:
    """A Retry-After that says nothing is none, and none makes it wait for more than a day."""
    told.outbound.answer = lambda url: Answer(503, wanted, '')
    end_run(told.site)
    told.look()
    clock.go(minutes=1)
    told.look()
    assert len(told.outbound.sent) == 2


def test_gone(told: Told, clock: Clock) -> None:
    """A receiver that is gone gets nothing more, which is told; until it is enabled again."""
    end_run(told.site, 'one')
    end_run(told.site, 'two')
    told.outbound.answer = lambda url: Answer(410, '', 'gone')
    told.look()
    assert len(told.outbound.sent) == 1
    assert [each.state for each in told.all()] == ['failed', 'dropped']
    end_run(told.site, 'three')
    told.look()
    assert told.all()[2].state == 'dropped'
    assert 'disabled' in told.all()[2].answer
    notifications = told.site.platform.notifications
    assert '410' in notifications.disabled(OPERATOR)['ops'].reason
    notifications.enable(OPERATOR, 'ops')
    told.outbound.answer = lambda url: Answer(200, '', '')
    end_run(told.site, 'four')
    told.look()
    assert told.all()[3].state == 'delivered'


def test_gone_and_corrected(told: Told) -> None:
    """A destination that was gone and is corrected in the settings is sent to again."""
    told.outbound.answer = lambda url: Answer(410 if url.endswith('/in') else 200, '', '')
    end_run(told.site, 'one')
    told.look()
    told.file.write_text(ONE.replace('/in', '/new'))
    end_run(told.site, 'two')
    told.look()
    assert [each.state for each in told.all()] == ['failed', 'delivered']
    assert told.site.platform.notifications.disabled(OPERATOR) == {}


def test_removed(told: Told, clock: Clock) -> None:
    """What waits for a destination that is taken out of the settings is dropped."""
    told.outbound.answer = lambda url: Answer(500, '', '')
    end_run(told.site)
    told.look()
    told.file.write_text(ONE.replace('"ops"', '"other"'))
    clock.go(minutes=1)
    told.look()
    assert [each.state for each in told.all()] == ['dropped']
    assert len(told.outbound.sent) == 1


def test_died(told: Told) -> None:
    """What a service has taken that died is sent by the next one, under the same id."""
    end_run(told.site)
    told.spread()
    with told.site.database.writing() as connection:
        [due] = deliveries.due(connection, [], 10)
        row = deliveries.claim(connection, due.number, 'dead')
        assert row is not None
    told.look()
    assert told.outbound.sent == []
    with told.site.database.writing() as connection:
        deliveries.release(connection, 'dead')
        assert not deliveries.change(connection, due.number, 'dead', state='delivered')
    told.look()
    assert told.outbound.sent[0][2]['Webhook-Id'] == row.event_id


def test_slow_alone(told: Told) -> None:
    """A destination that is being sent to holds up no other one, and gets one at a time."""
    two = ONE.replace('"ops"', '"other"').replace('/in', '/other')
    told.file.write_text(ONE + two)
    for name in ('one', 'two'):
        end_run(told.site, name)
    told.spread()
    told.notifier._sending['ops'] = told.notifier._thread
    with told.site.database.reading() as connection:
        due = deliveries.due(connection, list(told.notifier._sending), 10)
    assert {each.destination for each in due} == {'other'}
    del told.notifier._sending['ops']
    told.look()
    assert len(told.outbound.sent) == 4


def test_filter(told: Told) -> None:
    """A destination that names events is told of no others."""
    told.file.write_text(ONE + 'events = ["run.failed"]\n')
    end_run(told.site, 'one')
    end_run(told.site, 'two', 'failed', error={'message': 'No.', 'resource': None, 'detail': ''})
    told.look()
    assert [each['type'] for each in told.bodies()] == ['run.failed']
    assert told.bodies()[0]['data']['error'] == {'message': 'No.', 'resource': None}
    assert len(told.all()) == 1


def test_quiet(told: Told) -> None:
    """A preview, and a look at drift that finds none, are told to nobody."""
    end_run(told.site)
    told.look()
    for operation, values in (('preview', {}), ('refresh', {'reason': 'drift check'})):
        with told.site.database.writing() as connection:
            stack = told.site.stack('one')
            run_id = queue_run(connection, stack, operation, 'anna', **values)
        end(told.site, run_id, 'succeeded')
    told.look()
    assert len(told.outbound.sent) == 1


def test_withdrawn(told: Told) -> None:
    """A run that is cancelled before it begins is told as any other one."""
    run = told.site.platform.create(ANNA, order())
    told.site.platform.cancel(ANNA, run.id)
    told.look()
    assert [each['type'] for each in told.bodies()] == ['run.cancelled']


def test_expiry_failed(told: Told) -> None:
    """A stack that cannot be destroyed at its end is told, and when that is tried again."""
    end_run(told.site)
    told.look()
    told.site.change_stack('one', expiry_retry_at=now())
    with told.site.database.writing() as connection:
        stack = told.site.stack('one')
        run_id = queue_run(connection, stack, 'destroy', 'anna', reason='expired')
    end(told.site, run_id, 'failed', error={'message': 'No.', 'resource': 'a', 'detail': ''})
    told.look()
    assert [each['type'] for each in told.bodies()[1:]] == ['run.failed', 'expiry.failed']
    assert moment(told.bodies()[2]['data']['retry_at'])


def test_programs(told: Told) -> None:
    """Operators of some programs see the notifications of these, and others than operators none."""
    end_run(told.site)
    told.look()
    notifications = told.site.platform.notifications
    for programs, count in ((None, 1), (frozenset({'token'}), 1), (frozenset({'other'}), 0)):
        caller = Caller('olga', 'operator', programs)
        assert len(notifications.all(caller, WHERE, 10, None).items) == count
    for caller in (ANNA, READER):
        with pytest.raises(Exception, match='operator'):
            notifications.all(caller, WHERE, 10, None)


def test_pages(told: Told) -> None:
    """Notifications come in pages, the newest first, by state, stack and destination."""
    for number in range(5):
        end_run(told.site, f'web-{number}')
    told.look()
    notifications = told.site.platform.notifications
    first = notifications.all(OPERATOR, WHERE, 3, None)
    second = notifications.all(OPERATOR, WHERE, 3, first.next)
    names = [each.stack for each in (*first.items, *second.items)]
    assert names == ['web-4', 'web-3', 'web-2', 'web-1', 'web-0']
    assert second.next is None
    for where, count in (
        (NotificationFilter(state='waiting'), 0),
        (NotificationFilter(state='delivered', destination='ops', stack='web-2'), 1),
        (NotificationFilter(stack='\0'), 0),
    ):
        assert len(notifications.all(OPERATOR, where, 10, None).items) == count


def test_cloudevent(told: Told) -> None:
    """A destination may get CloudEvents, under the same id and signed alike."""
    told.file.write_text(ONE.replace('standard-webhooks', 'cloudevents'))
    end_run(told.site)
    told.look()
    _, body, headers = told.outbound.sent[0]
    said = json.loads(body)
    assert headers['Content-Type'] == 'application/cloudevents+json'
    assert (said['specversion'], said['id']) == ('1.0', headers['Webhook-Id'])
    assert (said['type'], said['subject']) == ('run.succeeded', 'one')
    assert said['source'] == 'https://infra.example'


def test_slack(told: Told) -> None:
    """In a chat, a message has words and a link, names nobody, and has no markup of others."""
    told.file.write_text('[[destination]]\nname = "chat"\nkind = "slack"\nurl_from = "SLACK_URL"\n')
    error = {'message': '<!here> @channel & more', 'resource': 'a', 'detail': ''}
    run_id = end_run(told.site, state='failed', error=error, changes={'create': 1, 'delete': 2})
    told.look()
    url, body, headers = told.outbound.sent[0]
    assert url == ENVIRON['SLACK_URL']
    assert not any(name.startswith('Webhook') for name in headers)
    text = json.loads(body)['text']
    assert 'update of one failed' in text
    assert '+1 -2' in text
    assert f'<https://infra.example/portal/runs/{run_id}|Look at it>' in text
    assert '&lt;!here&gt; @\u200bchannel &amp; more' in text
    assert json.loads(body)['blocks'][0]['text']['text'] == text


def test_old(told: Told, clock: Clock) -> None:
    """What was told long ago is removed, with what it told of; what waits still is kept."""
    end_run(told.site, 'one')
    told.look()
    told.outbound.answer = lambda url: Answer(500, '', '')
    end_run(told.site, 'two')
    told.look()
    clock.go(days=1)
    with told.site.database.writing() as connection:
        deliveries.remove_ended(connection, now())
    assert [each.stack for each in told.all()] == ['two']


def test_defect(told: Told) -> None:
    """What meets a defect of ours is tried again as what fails otherwise."""

    def fail(url: str) -> Answer:
        raise AssertionError('a defect')

    told.outbound.answer = fail
    end_run(told.site)
    told.look()
    [found] = told.all()
    assert (found.state, found.attempts) == ('waiting', 1)


def test_no_secrets(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    """Neither secrets nor the URLs that are ones are in a log, an answer, or the database."""
    told.file.write_text(
        ONE + '[[destination]]\nname = "chat"\nkind = "slack"\nurl_from = "SLACK_URL"\n'
    )

    def fail(url: str) -> Answer:
        raise OutboundError('hooks.slack.com cannot be reached: no route.')

    told.outbound.answer = fail
    end_run(told.site)
    told.look()
    told.outbound.answer = lambda url: Answer(410, '', '')
    end_run(told.site, 'two')
    told.look()
    seen = caplog.text + repr(told.all()) + repr(Destinations(str(told.file), ENVIRON).all())
    files = [each.read_bytes() for each in told.site.settings.state_dir.glob('platform.db*')]
    for planted in (KEY, HOOK, 'planted-key', 'planted-capability'):
        assert planted not in seen
        assert not any(planted.encode() in each for each in files)


def test_expiry_near(told: Told, clock: Clock, tmp_path: Path) -> None:
    """That a stack ends soon is told once of each end, and not of stacks that last no longer."""

    def warn() -> list[Any]:
        with told.site.database.writing() as connection:
            events.warn(connection, now() + HOUR, HOUR)
        told.look()
        return [
            (each['data']['stack'], each['data']['expires_at'])
            for each in told.bodies()
            if each['type'] == 'expiry.near'
        ]

    for name, hours in (('long', 3.0), ('short', 0.5), ('kept', 3.0)):
        end_run(told.site, name)
        told.site.change_stack(name, expires_at=now() + hours * HOUR, protected=name == 'kept')
    assert warn() == []
    version = told.site.stack('long').version
    clock.go(hours=2.5)
    assert [name for name, _ in warn()] == ['long']
    assert told.site.stack('long').version == version
    assert len(warn()) == 1
    told.site.change_stack('long', expires_at=now() + 2 * HOUR)
    assert len(warn()) == 1
    clock.go(hours=1.5)
    assert len(warn()) == 2
    clock.go(hours=5)
    assert len(warn()) == 2
