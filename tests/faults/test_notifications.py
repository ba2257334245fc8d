"""Notifications while receivers are away and services die; with a real receiver, and a clock."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.faults.lasting import Lasting, lasting
from tests.faults.test_stacks_clock import Clock
from tests.platform import inputs
from tests.receiver import Call, Receiver, Reply, receiving

HOUR = 3600.0
SECRET = 'whsec_' + base64.b64encode(b'planted-secret-of-the-hook').decode()
CAPABILITY = 'planted-capability'
PATIENCE = 60.0


@dataclass
class Place:
    """A platform that tells a receiver, by a clock that a test steps."""

    here: Lasting
    receiver: Receiver
    clock: Clock
    ahead: float = 0.0

    def go(self, seconds: float) -> None:
        """Move the service's clock on."""
        self.ahead += seconds
        self.clock.step(self.ahead)

    def told(self, stack: str, **where: str) -> list[dict[str, Any]]:
        """Return the notifications about a stack, the oldest first."""
        query = ''.join(f'&{name}={value}' for name, value in where.items())
        found = self.here.client.get(f'/notifications?stack={stack}{query}')['items']
        return list(reversed(found))

    def until(self, stack: str, state: str, attempts: int = 0, **where: str) -> dict[str, Any]:
        """Return the last notification of a stack, once it is in a state, after some attempts."""
        ends_at = time.monotonic() + PATIENCE
        while True:
            found = self.told(stack, **where)
            if found and (found[-1]['state'], found[-1]['attempts'] >= attempts) == (state, True):
                return found[-1]
            assert time.monotonic() < ends_at, found
            time.sleep(0.1)  # the service does not call back

    def calls(self, stack: str) -> list[tuple[Call, Any]]:
        """Return what came about a stack at the signed destination, with its content."""
        found = [(call, json.loads(call.body)) for call in list(self.receiver.calls)]
        return [each for each in found if each[1].get('data', {}).get('stack') == stack]


@pytest.fixture(scope='module')
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp('notifications')
    clock = Clock(folder / 'clock')
    with receiving() as receiver:
        file = folder / 'notifications.toml'
        file.write_text(
            f'[[destination]]\nname = "ops"\nurl = "{receiver.url}/in"\n'
            'kind = "standard-webhooks"\nsecret_from = "HOOK_SECRET"\n'
            '[[destination]]\nname = "chat"\nkind = "slack"\n'
            'url_from = "CHAT_URL"\nevents = ["run.failed", "drift.found"]\n'
        )
        (folder / 'hook').write_text(SECRET)
        settings = {
            'app': 'tests.faults.clock_app:api',
            'CLOCK': str(clock.file),
            'NOTIFICATIONS_FILE': str(file),
            'OUTBOUND_NETWORKS': '127.0.0.0/8',
            'HOOK_SECRET_FILE': str(folder / 'hook'),
            'CHAT_URL': f'{receiver.url}/{CAPABILITY}',
            'PUBLIC_URL': 'https://infra.example',
        }
        with lasting(folder, **settings) as here:
            yield Place(here, receiver, clock)
            receiver.reply = lambda call: Reply()
            here.end()


@pytest.fixture(autouse=True)
def answering(place: Place) -> None:
    place.receiver.reply = lambda call: Reply()


def made(place: Place, name: str) -> dict[str, Any]:
    return place.here.client.done(place.here.client.create(name, inputs('a')))


def test_told(place: Place) -> None:
    """The end of a run arrives, and its receiver can verify that it is ours."""
    run = made(place, 'told')
    found = place.until('told', 'delivered')
    [(call, said)] = place.calls('told')
    Webhook(SECRET).verify(call.body, dict(call.headers))
    assert (said['type'], said['data']['run']) == ('run.succeeded', run['id'])
    assert (found['event'], found['run'], found['status']) == (
        *(call.headers['webhook-id'], run['id']),
        204,
    )


def test_hour(place: Place) -> None:
    """A receiver that is down for an hour gets what it has missed, once, under the first id."""
    place.receiver.reply = lambda call: Reply(503, {'Retry-After': '60'}, b'down')
    made(place, 'hour')
    place.until('hour', 'waiting', 1)
    # Beyond the pauses of the schedule, with what chance adds to them: within the hour.
    for attempts, minutes in ((2, 5), (3, 7), (4, 37)):
        place.go(60 * minutes)
        found = place.until('hour', 'waiting', attempts)
        assert (found['status'], found['answer']) == (503, 'down')
    place.receiver.reply = lambda call: Reply()
    place.go(3 * HOUR)
    assert place.until('hour', 'delivered')['attempts'] == 5
    calls = [call for call, _ in place.calls('hour')]
    assert len(calls) == 5
    assert len({call.headers['webhook-id'] for call in calls}) == 1
    assert len({call.headers['webhook-timestamp'] for call in calls}) == 5
    assert len({call.headers['webhook-signature'] for call in calls}) == 5


def test_killed(place: Place) -> None:
    """A service that is killed while it delivers: the next one delivers, under the same id."""
    released = threading.Event()
    place.receiver.reply = lambda call: Reply(released=released)
    before = len(place.receiver.calls)
    made(place, 'killed')
    place.receiver.wait_for(before + 1)
    place.here.kill()
    released.set()
    place.receiver.reply = lambda call: Reply()
    place.here.start()
    place.until('killed', 'delivered')
    calls = [call for call, _ in place.calls('killed')]
    assert len(calls) == 2
    assert len({call.headers['webhook-id'] for call in calls}) == 1


def test_kept(place: Place) -> None:
    """What has happened just before a service is killed is told by the next one."""
    place.receiver.reply = lambda call: Reply(500)
    run = made(place, 'kept')
    place.here.kill()
    place.receiver.reply = lambda call: Reply()
    place.here.start()
    place.go(60)
    assert place.until('kept', 'delivered')['run'] == run['id']


def test_drift(place: Place) -> None:
    """What was changed outside is told once, also in a chat, as long as it stays the same."""
    made(place, 'drift')
    (place.here.files / 'stack.drift-a').unlink()
    for _ in range(2):
        place.here.client.done(place.here.client.start('drift', 'refresh'))
    place.until('drift', 'delivered', destination='chat')
    place.until('drift', 'delivered', destination='ops')
    types = [said['type'] for _, said in place.calls('drift')]
    assert types.count('drift.found') == 1
    chat = [call for call in place.receiver.calls if call.path == f'/{CAPABILITY}']
    assert 'drift was changed outside' in json.loads(chat[-1].body)['text']


def test_slow(place: Place) -> None:
    """While one destination does not answer, others are told, and runs go on."""
    released = threading.Event()
    place.receiver.reply = lambda call: Reply(released=released if call.path == '/in' else None)
    (place.here.files / 'exit').touch()
    failed = place.here.client.ended(place.here.client.create('slow', inputs('a')))
    (place.here.files / 'exit').unlink()
    assert failed['state'] == 'failed'
    place.until('slow', 'delivered', destination='chat')
    assert place.told('slow', destination='ops')[0]['state'] == 'waiting'
    released.set()
    place.until('slow', 'delivered', destination='ops')


def test_gone(place: Place) -> None:
    """A receiver that answers 410 gets nothing more until an operator enables it."""
    client = place.here.client
    place.receiver.reply = lambda call: Reply(410 if call.path == '/in' else 204)
    made(place, 'gone')
    place.until('gone', 'failed')
    found = {each['name']: each for each in client.get('/destinations')['items']}
    assert '410' in found['ops']['reason']
    assert found['chat']['reason'] is None
    assert CAPABILITY not in json.dumps(found)
    before = len(place.receiver.calls)
    made(place, 'after')
    place.until('after', 'dropped')
    assert len(place.receiver.calls) == before
    assert client.call('POST', '/destinations/ops/enable').status_code == 204
    place.receiver.reply = lambda call: Reply()
    client.done(client.start('gone', 'update'))
    place.until('gone', 'delivered')


def test_secrets(place: Place) -> None:
    """Neither a secret nor a URL that is one is in a log, an answer, or the database."""
    kept = [*place.here.site.service.state.rglob('platform.db*')]
    kept += place.here.site.service.log_file.parent.glob('*.log')
    texts = [each.read_bytes() for each in kept]
    texts.append(place.here.client.call('GET', '/notifications?limit=200').content)
    texts.append(place.here.client.call('GET', '/destinations').content)
    for planted in (SECRET, SECRET.removeprefix('whsec_'), CAPABILITY, 'planted-secret'):
        assert not any(planted.encode() in each for each in texts)
