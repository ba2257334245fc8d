"""Slack: forms that are signed over time and body; buttons in blocks."""

from __future__ import annotations

from typing import Any

from triggers import payload, signing
from triggers.chat.parts import Message
from triggers.chat.said import Chat, Command, Person, Press, address, command, form
from triggers.errors import MalformedError
from triggers.event import Call
from triggers.sources.source import Source

SIGNATURE, TIME = 'X-Slack-Signature', 'X-Slack-Request-Timestamp'
HOST = 'https://hooks.slack.com'
AGREE, DISCARD = 'infra-agree', 'infra-discard'


def verify(call: Call, source: Source, now: float) -> None:
    """Raise ForgedError unless the call is signed, about now."""
    time = call.header(TIME)
    signing.insist_on_time(time, now)
    signed = f'v0:{time}:'.encode() + call.body
    expected = [f'v0={signing.hex_of(secret, signed)}' for secret in source.secrets]
    signing.insist(signing.is_any([call.header(SIGNATURE)], expected))


def read(call: Call, source: Source) -> Command | Press:
    """Return what was said; raises MalformedError."""
    fields = form(call)
    base = source.options.get('url') or HOST
    if 'payload' in fields:
        return _press(payload.parse(fields['payload'].encode()), base)
    return command(fields, base)


def _press(said: dict[str, Any], base: str) -> Press:
    if said.get('type') != 'block_actions':
        raise MalformedError('Only buttons are known here.')
    user = payload.mapping(said.get('user'), 'user')
    team = payload.mapping(said.get('team'), 'team')
    actions = payload.sequence(said.get('actions'), 'actions')
    action = payload.mapping(actions[0] if actions else None, 'action')
    return Press(
        Person(payload.required(team, 'id', 'team'), payload.required(user, 'id', 'user')),
        payload.required(action, 'value', 'action'),
        action.get('action_id') == AGREE,
        payload.required(said, 'trigger_id', 'The payload'),
        address(said.get('response_url'), base),
    )


def render(message: Message, _: Source) -> dict[str, Any]:
    """Return a message as Slack has it: blocks, and plain text for what shows none."""
    blocks: list[dict[str, Any]] = [
        {'type': 'section', 'text': {'type': 'mrkdwn', 'text': message.text}}
    ]
    if buttons := message.buttons:
        style = 'danger' if buttons.is_dangerous else 'primary'
        agree = _button(AGREE, buttons.words, buttons.nonce) | {'style': style}
        discard = _button(DISCARD, 'Discard', buttons.nonce)
        blocks.append({'type': 'actions', 'elements': [agree, discard]})
    found = {
        'response_type': 'in_channel' if message.for_all else 'ephemeral',
        'text': message.text,
        'blocks': blocks,
    }
    return {**found, 'replace_original': True} if message.replaces else found


def _button(id: str, words: str, nonce: str) -> dict[str, Any]:
    text = {'type': 'plain_text', 'text': words}
    return {'type': 'button', 'action_id': id, 'text': text, 'value': nonce}


def pressed(_: Message) -> dict[str, Any]:
    """Return nothing: what takes the place of the buttons goes to the response_url."""
    return {}


CHAT = Chat(verify, read, render, pressed, ('url', 'approver', 'webhook_env', 'webhook_file'))
