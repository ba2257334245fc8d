"""What somebody in a chat says, in one form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from triggers import payload
from triggers.chat.parts import Message
from triggers.errors import MalformedError
from triggers.event import Call
from triggers.sources.source import Source

MOST_FIELDS = 100


class Person(NamedTuple):
    """Who says it, by ids that nobody chooses."""

    team: str
    user: str


@dataclass(frozen=True)
class Command:
    """A slash command. key: what is the same when it comes again. address: where to answer."""

    person: Person
    text: str
    key: str
    address: str


@dataclass(frozen=True)
class Press:
    """A button that was pressed. nonce: what it has. agrees: whether it is the one that agrees."""

    person: Person
    nonce: str
    agrees: bool
    key: str
    address: str


@dataclass(frozen=True)
class Chat:
    """A kind of chat.

    verify: raises ForgedError for a call that is not a source's; the last is the time now.
    read: returns what was said, or raises MalformedError.
    render: returns a message as this chat has it.
    pressed: returns what answers a press at once, of the message that takes the place of the
        button's.
    """

    verify: Callable[[Call, Source, float], None]
    read: Callable[[Call, Source], Command | Press]
    render: Callable[[Message, Source], dict[str, Any]]
    pressed: Callable[[Message], dict[str, Any]]
    options: tuple[str, ...]
    required: tuple[str, ...] = ()


def form(call: Call) -> dict[str, str]:
    """Return the fields of a form, of each the last.

    Raises MalformedError.
    """
    try:
        text = call.body.decode()
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise MalformedError('The body is no form.') from None


def command(fields: Mapping[str, str], base: str) -> Command:
    """Return the slash command that a form has; both chats name its fields alike.

    Raises MalformedError.
    """
    return Command(
        Person(
            payload.required(fields, 'team_id', 'The form'),
            payload.required(fields, 'user_id', 'The form'),
        ),
        payload.text(fields.get('text', '')),
        payload.required(fields, 'trigger_id', 'The form'),
        address(fields.get('response_url'), base),
    )


def address(url: object, base: str) -> str:
    """Return where to answer, which must be where the chat is; empty for nowhere.

    Raises MalformedError.
    """
    if url in (None, ''):
        return ''
    try:
        wanted, found = urlsplit(base), urlsplit(str(url))
        same = (found.scheme, found.hostname, found.port) == (
            *(wanted.scheme, wanted.hostname, wanted.port),
        )
    except ValueError:
        same = False
        found = wanted = urlsplit('')
    is_below = found.path.startswith(wanted.path.rstrip('/') + '/') and '..' not in found.path
    if not same or not is_below or '@' in found.netloc or found.fragment:
        raise MalformedError('response_url does not lead to the chat of this source.')
    return str(url)
