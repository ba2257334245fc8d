"""Mattermost: forms with a token, as it signs nothing; buttons in attachments, by JSON."""

from __future__ import annotations

from typing import Any

from triggers import payload, signing
from triggers.chat.parts import Message
from triggers.chat.said import Chat, Command, Person, Press, command, form
from triggers.event import Call
from triggers.sources.source import Source


def verify(call: Call, source: Source, _: float) -> None:
    """Raise ForgedError unless the call has the token, or a press what only its button has."""
    if _is_json(call):
        context = payload.mapping(payload.parse(call.body).get('context'), 'context')
        nonce, given = payload.text(context.get('nonce')), payload.text(context.get('proof'))
        expected = [signing.hex_of(secret, nonce.encode()) for secret in source.secrets]
        signing.insist(bool(nonce) and signing.is_any([given], expected))
        return
    token = form(call).get('token', '')
    scheme, _sep, in_head = call.header('authorization').partition(' ')
    signing.insist(signing.is_any([token], source.secrets))
    # Older servers send no head with it.
    signing.insist(not scheme or signing.is_any([in_head], source.secrets))


def read(call: Call, source: Source) -> Command | Press:
    """Return what was said; raises MalformedError."""
    base = source.options['url']
    if _is_json(call):
        return _press(payload.parse(call.body))
    fields = form(call)
    return command(fields, base)


def _press(said: dict[str, Any]) -> Press:
    context = payload.mapping(said.get('context'), 'context')
    return Press(
        Person(
            payload.required(said, 'team_id', 'The body'),
            payload.required(said, 'user_id', 'The body'),
        ),
        payload.required(context, 'nonce', 'context'),
        context.get('agrees') is True,
        payload.required(said, 'trigger_id', 'The body'),
        '',
    )


def render(message: Message, source: Source) -> dict[str, Any]:
    """Return a message as Mattermost has it."""
    found: dict[str, Any] = {
        'response_type': 'in_channel' if message.for_all else 'ephemeral',
        'text': message.text,
    }
    if buttons := message.buttons:
        proof = signing.hex_of(source.secrets[0], buttons.nonce.encode())
        context = {'nonce': buttons.nonce, 'proof': proof}
        style = 'danger' if buttons.is_dangerous else 'primary'
        url = source.options['callback']
        agree = _action('agree', buttons.words, url, {**context, 'agrees': True})
        discard = _action('discard', 'Discard', url, {**context, 'agrees': False})
        found['attachments'] = [{'actions': [{**agree, 'style': style}, discard]}]
    return found


def _action(id: str, words: str, url: str, context: dict[str, Any]) -> dict[str, Any]:
    return {'id': id, 'name': words, 'integration': {'url': url, 'context': context}}


def pressed(message: Message) -> dict[str, Any]:
    """Return what takes the place of the buttons."""
    if not message.replaces:
        return {'ephemeral_text': message.text}
    return {'update': {'message': message.text, 'props': {}}}


def _is_json(call: Call) -> bool:
    kind = call.header('content-type').partition(';')[0].strip().lower()
    return kind == 'application/json'


CHAT = Chat(
    verify,
    read,
    render,
    pressed,
    ('url', 'callback', 'approver', 'webhook_env', 'webhook_file'),
    ('url', 'callback'),
)
