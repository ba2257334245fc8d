"""Calls of each sender: known by how it signs, refused otherwise, and read into one form."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.records import Site
from tests.triggers import TOKEN, WHSEC, Trying, alert
from triggers import signing
from triggers.errors import ForgedError, MalformedError, UnknownSourceError
from triggers.event import Call
from triggers.sources import github
from triggers.sources.source import Source

OLD, NEW = 'an-old-planted-secret', TOKEN
RULES = """
[source.am]
kind = "alertmanager"
secret_file = "{secret}"
previous_secret_file = "{secret}.old"

[source.grafana]
kind = "grafana"
secret_file = "{secret}"
timestamp_header = "X-Grafana-Time"

[source.plain-grafana]
kind = "grafana"
secret_file = "{secret}"

[source.pagerduty]
kind = "pagerduty"
secret_file = "{secret}"
previous_secret_file = "{secret}.old"

[source.github]
kind = "github"
secret_file = "{secret}"

[source.other]
kind = "standard"
secret_file = "{secret}.whsec"
"""
KINDS = ('am', 'grafana', 'plain-grafana', 'pagerduty', 'github', 'other')


@pytest.fixture
def trying(site: Site) -> Trying:
    folder = site.settings.state_dir
    (folder / 'secret.old').write_text(OLD)
    (folder / 'secret.whsec').write_text(WHSEC)
    return Trying(site, RULES)


def hex_of(signed: bytes, secret: str = NEW) -> str:
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def seconds(ago: float = 0) -> str:
    return str(int(time.time() - ago))


def moment(ago: float = 0) -> str:
    found = datetime.fromtimestamp(time.time() - ago, timezone.utc)
    return found.strftime('%Y-%m-%dT%H:%M:%SZ')


def bearer(body: bytes, secret: str = NEW, ago: float = 0) -> dict[str, str]:
    return {'authorization': f'Bearer {secret}'}


def by_grafana(body: bytes, secret: str = NEW, ago: float = 0) -> dict[str, str]:
    at = seconds(ago)
    signature = hex_of(f'{at}:'.encode() + body, secret)
    return {'x-grafana-time': at, 'x-grafana-alerting-signature': signature}


def by_pagerduty(body: bytes, secret: str = NEW, ago: float = 0) -> dict[str, str]:
    return {'x-pagerduty-signature': f'v1={"0" * 64},v1={hex_of(body, secret)}'}


def by_github(body: bytes, secret: str = NEW, ago: float = 0) -> dict[str, str]:
    signature = f'sha256={hex_of(body, secret)}'
    return {'x-hub-signature-256': signature, 'x-github-event': 'push', 'x-github-delivery': 'd'}


def by_standard(body: bytes, secret: str = WHSEC, ago: float = 0) -> dict[str, str]:
    at, id = seconds(ago), 'msg_1'
    key = base64.b64decode(secret.removeprefix('whsec_')) if 'whsec_' in secret else b'x' * 32
    signed = f'{id}.{at}.'.encode() + body
    signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return {
        'webhook-id': id,
        'webhook-timestamp': at,
        'webhook-signature': f'v1a,other v1,{signature}',
    }


def incident(ago: float = 0, **event: Any) -> dict[str, Any]:
    return {
        'event': {
            'id': '01ABC',
            'event_type': 'incident.triggered',
            'occurred_at': moment(ago),
            'data': {
                'id': 'Q1',
                'type': 'incident',
                'title': 'Too slow',
                'urgency': 'high',
                'status': 'triggered',
                'service': {'id': 'PX', 'summary': 'shop'},
                'priority': None,
                'html_url': 'https://x.pagerduty.com/incidents/Q1',
            },
            **event,
        }
    }


PUSH = {
    'ref': 'refs/heads/main',
    'repository': {'full_name': 'acme/shop', 'name': 'shop'},
    'sender': {'login': 'ann'},
    'compare': 'https://github.com/acme/shop/compare/a...b',
}
THING = {'type': 'deploy.done', 'timestamp': '2030-01-01T00:00:00Z', 'data': {'app': 'shop'}}
BODIES: dict[str, Any] = {
    'am': alert(),
    'grafana': {**alert(), 'version': '1', 'orgId': 1, 'state': 'alerting'},
    'plain-grafana': alert(),
    'github': PUSH,
    'other': THING,
}
SIGN: dict[str, Callable[..., dict[str, str]]] = {
    'am': bearer,
    'grafana': by_grafana,
    'plain-grafana': bearer,
    'pagerduty': by_pagerduty,
    'github': by_github,
    'other': by_standard,
}


def body_of(source: str) -> bytes:
    said = incident() if source == 'pagerduty' else BODIES[source]
    return json.dumps(said).encode()


def send(trying: Trying, source: str, body: bytes, headers: dict[str, str]) -> list[str]:
    found, _ = trying.triggers.receive(source, Call(headers, body))
    return [each.outcome for each in found]


@pytest.mark.parametrize('source', KINDS)
def test_genuine(trying: Trying, source: str) -> None:
    """What a source has signed is taken, and read as its rules see it."""
    body = body_of(source)
    assert send(trying, source, body, SIGN[source](body)) == ['unmatched']


@pytest.mark.parametrize('source', KINDS)
def test_forged(trying: Trying, source: str) -> None:
    """What is signed with another secret, for another body, or not at all, is refused."""
    body = body_of(source)
    good = SIGN[source](body)
    is_signed = SIGN[source] is not bearer
    others = [
        {},
        SIGN[source](body, 'another-secret-of-somebody'),
        {name: '' for name in good},
        {name: 'é\x00' for name in good},
        {name: 'x' * 70_000 for name in good},
        *([SIGN[source](body + b' ')] if is_signed else [{'authorization': 'Bearer'}]),
    ]
    for headers in others:
        with pytest.raises(ForgedError):
            send(trying, source, body, headers)
    assert trying.events() == []


@pytest.mark.parametrize('source', ['grafana', 'other'])
@pytest.mark.parametrize('ago', [301, -301, 10**9])
def test_stale(trying: Trying, source: str, ago: float) -> None:
    """What was signed too long ago, or ahead of its time, is refused."""
    body = body_of(source)
    with pytest.raises(ForgedError):
        send(trying, source, body, SIGN[source](body, ago=ago))


def test_stale_incident(trying: Trying) -> None:
    """PagerDuty signs no time, so that its events count as old by their own."""
    body = json.dumps(incident(ago=3700)).encode()
    with pytest.raises(ForgedError):
        send(trying, 'pagerduty', body, by_pagerduty(body))


@pytest.mark.parametrize('source', ['grafana', 'pagerduty', 'github', 'other'])
def test_replayed(trying: Trying, source: str) -> None:
    """The same call again begins nothing, whatever its unsigned headers say by now."""
    body = body_of(source)
    headers = SIGN[source](body)
    assert send(trying, source, body, headers) == ['unmatched']
    again = {**headers, 'x-github-delivery': 'other', 'x-webhook-id': 'other'}
    assert send(trying, source, body, again) == ['repeated']


@pytest.mark.parametrize('source', KINDS)
@pytest.mark.parametrize(
    'body',
    [
        *(b'', b'{', b'[]', b'null', b'"x"', b'\xff\xfe', b'[' * 100_000, b'{"alerts": NaN}'),
        *(b'{"version": "4", "alerts": {}}', b'{"version": "4", "alerts": [1]}'),
        b'{"version": "4", "alerts": [{"status": "x", "labels": {}}]}',
        b'{"event": {"id": 1}}',
        b'{"type": "x", "status": "no"}',
        b'{"type": 7}',
        json.dumps({'version': '4', 'alerts': [alert()['alerts'][0]] * 501}).encode(),
    ],
)
def test_malformed(trying: Trying, source: str, body: bytes) -> None:
    """What is signed and still no call is told to be none, and nothing is kept."""
    if source == 'github' and body.startswith((b'{"v', b'{"e', b'{"t')):
        return  # An object is a call there, of which no rule can mean anything.
    with pytest.raises(MalformedError):
        send(trying, source, body, SIGN[source](body))
    assert trying.events() == []


def test_rotation(trying: Trying) -> None:
    """The secret before counts as long as it is named."""
    for source in ('am', 'pagerduty'):
        body = body_of(source)
        assert send(trying, source, body, SIGN[source](body, OLD)) == ['unmatched']


def test_password(trying: Trying) -> None:
    """Alertmanager may have the token as a password."""
    for given, is_good in ((f'infra:{NEW}', True), ('infra:wrong', False), (NEW, False)):
        headers = {'authorization': f'Basic {base64.b64encode(given.encode()).decode()}'}
        if is_good:
            assert send(trying, 'am', body_of('am'), headers) == ['unmatched']
        else:
            with pytest.raises(ForgedError):
                send(trying, 'am', body_of('am'), headers)


def test_unknown_source(trying: Trying) -> None:
    """A source that there is not is told to be none."""
    for name in ('none', '', '../am', 'am\0'):
        with pytest.raises(UnknownSourceError):
            send(trying, name, body_of('am'), bearer(b''))


def test_documented_signature_of_github() -> None:
    """The example of GitHub's documents verifies."""
    source = Source('github', 'github', ("It's a Secret to Everybody",))
    signature = 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17'
    github.verify(Call({'x-hub-signature-256': signature}, b'Hello, World!'), source, 0)


def test_as_the_library_signs(trying: Trying) -> None:
    """What the library of Standard Webhooks signs is taken."""
    body = body_of('other').decode()
    at = datetime.now(timezone.utc)
    headers = {
        'webhook-id': 'msg_2',
        'webhook-timestamp': str(int(at.timestamp())),
        'webhook-signature': Webhook(WHSEC).sign('msg_2', at, body),
    }
    assert send(trying, 'other', body.encode(), headers) == ['unmatched']


def test_labels(trying: Trying) -> None:
    """Each sender's fields are labels, and what it is about has a begin and an end."""
    found = {}
    for source in KINDS:
        body = body_of(source)
        [event] = trying.triggers.receive(source, Call(SIGN[source](body), body))[0]
        found[source] = event
    assert found['am'].labels == {'alertname': 'Spike', 'app': 'shop'}
    assert found['pagerduty'].labels.items() >= {'service_id': 'PX', 'urgency': 'high'}.items()
    assert found['github'].labels.items() >= {'branch': 'main', 'repository': 'acme/shop'}.items()
    assert found['other'].labels == {'app': 'shop', 'type': 'deploy.done'}
    assert [found[each].status for each in KINDS] == [
        *('firing', 'firing', 'firing', 'firing', 'once', 'once')
    ]


def test_unstorable(trying: Trying) -> None:
    """What no database keeps as text is replaced, and the call is taken."""
    body = json.dumps(alert(app='a\0b\ud800')).encode()
    [event] = trying.triggers.receive('am', Call(bearer(body), body))[0]
    assert event.labels['app'] == 'a\ufffdb\ufffd'
    assert trying.events()[0].labels == event.labels


def test_left_out(trying: Trying) -> None:
    """That the sender has left alerts out is told to it."""
    body = json.dumps({**alert(), 'truncatedAlerts': 3}).encode()
    assert '3 alerts were left out' in trying.triggers.receive('am', Call(bearer(body), body))[1]


def test_constant_time_for_all() -> None:
    """Texts are compared as bytes, whatever is in them."""
    assert not signing.is_any(['é', '\udcff', ''], ['a', 'b'])
    assert signing.is_any(['é'], ['é'])


def test_github_long_name() -> None:
    """A name of a repository beyond what is stored does not become an error of a database."""
    body = {'action': 'opened', 'number': 1, 'repository': {'full_name': 'x' * 2000}}
    raw = json.dumps(body).encode()
    call = Call({'x-github-event': 'pull_request'}, raw)
    [found] = github.read(call, Source('github', 'github', ()), 0.0).events
    assert len(found.fingerprint) <= 200
    assert len(found.episode) <= 401
