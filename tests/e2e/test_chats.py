"""Slack and Mattermost, from a command to what is really there, with receivers for the test."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.doers import await_that
from tests.platform import Site, platform
from tests.receiver import Receiver, Reply, receiving
from tests.triggers import TOKEN

RULES = """
[source.slack]
kind = "slack"
secret_env = "CHAT_SECRET"
url = "{slack}"

[source.mm]
kind = "mattermost"
secret_env = "CHAT_SECRET"
url = "{mattermost}"
callback = "https://infra.example.com/v1/hooks/mm"

[[link]]
source = "slack"
team = "T1"
user = "U1"
principal = "local"

[[link]]
source = "mm"
team = "M1"
user = "ann"
principal = "local"
"""


class Chats:
    """Both chats: where each is told something, and what people do in it."""

    def __init__(self, site: Site, slack: Receiver, mattermost: Receiver) -> None:
        self.site = site
        self.slack = slack
        self.mattermost = mattermost
        self._count = 0

    def in_slack(self, fields: dict[str, str]) -> requests.Response:
        """Send a form as Slack does."""
        body = requests.Request('POST', 'http://x', data=fields).prepare().body
        assert isinstance(body, str)
        moment = str(int(time.time()))
        signed = f'v0:{moment}:{body}'.encode()
        signature = hmac.new(TOKEN.encode(), signed, hashlib.sha256).hexdigest()
        headers = {
            'X-Slack-Request-Timestamp': moment,
            'X-Slack-Signature': f'v0={signature}',
            'Content-Type': 'application/x-www-form-urlencoded',
        }
        url = f'{self.site.service.url}/v1/hooks/slack'
        return requests.post(url, data=body, headers=headers, timeout=60)

    def command(self, text: str) -> dict[str, str]:
        self._count += 1
        return {'command': '/infra', 'text': text, 'trigger_id': f'trigger-{self._count}'}


@pytest.fixture(scope='module')
def chats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chats]:
    folder = tmp_path_factory.mktemp('chats')
    with receiving() as slack, receiving() as mattermost:
        for each in (slack, mattermost):
            each.reply = lambda call: Reply(200)
        rules = folder / 'rules.toml'
        rules.write_text(RULES.format(slack=slack.url, mattermost=mattermost.url))
        given = {'TRIGGERS_FILE': str(rules), 'CHAT_SECRET': TOKEN}
        with platform(folder, **given) as site:
            yield Chats(site, slack, mattermost)


def told(receiver: Receiver, words: str) -> Any:
    """Wait until a chat is told something with these words; return the whole message."""
    found: list[Any] = []

    def is_there() -> bool:
        found[:] = [each for each in map(_json, receiver.calls) if words in each['text']]
        return bool(found)

    await_that(is_there)
    return found[0]


def _json(call: Any) -> Any:
    return json.loads(call.body)


def test_slack(chats: Chats) -> None:
    """`up` previews a new stack, and its button makes it; what is left of the button is who."""
    address = f'{chats.slack.url}/commands/1'
    person = {'team_id': 'T1', 'user_id': 'U1', 'response_url': address}
    text = 'up chatted passwords accounts=\u2018["ann"]\u2019'
    answer = chats.in_slack({**chats.command(text), **person})
    assert answer.status_code == 200
    assert 'is queued' in answer.json()['text']
    message = told(chats.slack, 'preview of `chatted` succeeded')
    agree = message['blocks'][1]['elements'][0]
    pressed = {
        'type': 'block_actions',
        'user': {'id': 'U1', 'team_id': 'T1'},
        'team': {'id': 'T1'},
        'trigger_id': 'press-1',
        'response_url': f'{chats.slack.url}/actions/1',
        'actions': [{'action_id': agree['action_id'], 'value': agree['value']}],
    }
    for _ in range(2):
        assert chats.in_slack({'payload': json.dumps(pressed)}).status_code == 200
    assert told(chats.slack, 'was agreed to by local')['replace_original'] is True
    told(chats.slack, 'update of `chatted` succeeded')
    told(chats.slack, 'has decided this already')
    runs = chats.site.client.get('/runs?stack=chatted')['items']
    assert [each['operation'] for each in runs] == ['update', 'preview']
    assert chats.site.client.get('/stacks/chatted')['state'] == 'ready'
    log = chats.site.service.log()
    for secret in (TOKEN, address, agree['value']):
        assert secret not in log


def test_mattermost(chats: Chats) -> None:
    """A stack is destroyed by a button in Mattermost, which its answer takes away."""
    client = chats.site.client
    client.done(client.create('matters', {'accounts': ['ann']}, 'passwords'))
    fields = {
        **chats.command('destroy matters'),
        'token': TOKEN,
        'team_id': 'M1',
        'user_id': 'ann',
        'response_url': f'{chats.mattermost.url}/hooks/commands/1',
    }
    url = f'{chats.site.service.url}/v1/hooks/mm'
    head = {'Authorization': f'Token {TOKEN}'}
    answer = requests.post(url, data=fields, headers=head, timeout=60).json()
    assert '1 resources are lost' in answer['text']
    agree = answer['attachments'][0]['actions'][0]['integration']
    pressed = {'user_id': 'ann', 'team_id': 'M1', 'trigger_id': 'p', 'context': agree['context']}
    found = requests.post(url, json=pressed, timeout=60).json()
    assert 'was agreed to by local' in found['update']['message']
    told(chats.mattermost, 'destroy of `matters` succeeded')
    assert client.call('GET', '/stacks/matters').status_code == 404


def test_refused(chats: Chats) -> None:
    """What is not signed does nothing, and what leads elsewhere is not told there."""
    url = f'{chats.site.service.url}/v1/hooks'
    fields = {**chats.command('status'), 'team_id': 'T1', 'user_id': 'U1'}
    assert requests.post(f'{url}/slack', data=fields, timeout=60).status_code == 401
    assert requests.post(f'{url}/mm', data=fields, timeout=60).status_code == 401
    assert requests.get(f'{url}/mm', params=fields, timeout=60).status_code == 405
    with receiving() as other:
        elsewhere = chats.in_slack({**fields, 'response_url': f'{other.url}/x'})
        assert elsewhere.status_code == 422
        assert other.calls == []
