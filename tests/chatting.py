"""People in chats, whose words a test says, and what they are told."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import urlencode

from tests.records import Site
from tests.triggers import TOKEN, Trying
from triggers.chat.replying import Replier
from triggers.event import Call
from triggers.sources.source import Source

RULES = """
[source.slack]
kind = "slack"
secret_file = "{secret}"
{more}

[source.mm]
kind = "mattermost"
secret_file = "{secret}"
url = "https://chat.example.com"
callback = "https://infra.example.com/v1/hooks/mm"

[[link]]
source = "slack"
team = "T1"
user = "UANNA"
principal = "anna"

[[link]]
source = "slack"
team = "T1"
user = "UOLGA"
principal = "olga"

[[link]]
source = "slack"
team = "T1"
user = "UROB"
principal = "rob"

[[link]]
source = "mm"
team = "M1"
user = "ANNA"
principal = "anna"
"""
SLACK_URL = 'https://hooks.slack.com/commands/T1/1/abc'
MM_URL = 'https://chat.example.com/hooks/commands/abc'


class Chatting(Trying):
    """People in chats, and what these are told."""

    def __init__(self, site: Site, more: str = '') -> None:
        super().__init__(site, RULES, more)
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.answers: list[int] = []
        self._count = 0
        records = self.triggers._records()
        self.replier = Replier(site.settings, records, self._send)

    def _send(self, source: Source, url: str, body: bytes) -> int:
        self.sent.append((url, json.loads(body)))
        return self.answers.pop(0) if self.answers else 200

    def reply(self) -> list[dict[str, Any]]:
        """Have all be told that is to be told; return it."""
        self.sent.clear()
        self.replier.work(self.triggers._file.current())
        return [body for _, body in self.sent]

    def talk(self, fields: dict[str, str], **headers: str) -> Any:
        """Send a signed form to the source `slack`."""
        return self.triggers.talk('slack', signed(urlencode(fields).encode(), **headers))

    def say(self, text: str, user: str = 'UANNA', **more: str) -> Any:
        """Say something in Slack."""
        self._count += 1
        fields = {
            'team_id': 'T1',
            'user_id': user,
            'user_name': 'olga',
            'command': '/infra',
            'text': text,
            'trigger_id': f'trigger-{self._count}',
            'response_url': SLACK_URL,
        }
        return self.talk({**fields, **more})

    def press(self, message: dict[str, Any], user: str = 'UANNA', number: int = 0) -> Any:
        """Press a button of a message in Slack."""
        self._count += 1
        button = message['blocks'][1]['elements'][number]
        said = {
            'type': 'block_actions',
            'user': {'id': user, 'team_id': 'T1'},
            'team': {'id': 'T1'},
            'trigger_id': f'trigger-{self._count}',
            'response_url': 'https://hooks.slack.com/actions/T1/1/xyz',
            'actions': [{'action_id': button['action_id'], 'value': button['value']}],
        }
        return self.talk({'payload': json.dumps(said)})


def signed(body: bytes, **headers: str) -> Call:
    """Return a call as Slack signs it."""
    moment = str(int(time.time()))
    base = f'v0:{moment}:'.encode() + body
    signature = hmac.new(TOKEN.encode(), base, hashlib.sha256).hexdigest()
    own = {'x-slack-request-timestamp': moment, 'x-slack-signature': f'v0={signature}'}
    given = {name.replace('_', '-'): value for name, value in headers.items()}
    return Call({**own, **given}, body)
