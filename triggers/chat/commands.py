"""The words of a slash command: what is wanted, of which stack, with which inputs."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from settings import NAME
from stacks.programs import Program

VERBS = ('help', 'status', 'preview', 'up', 'destroy')
LONGEST = 2000
# What chats make of quotes.
QUOTES = str.maketrans('\u201c\u201d\u2018\u2019', '""' + "''")


class CommandError(Exception):
    """A command cannot be understood; the message says why."""


@dataclass(frozen=True)
class Order:
    """What somebody wants. inputs: as they were written."""

    verb: str
    stack: str = ''
    program: str = ''
    inputs: Mapping[str, str] = field(default_factory=dict)


def parse(text: str) -> Order:
    """Return what a text wants.

    Raises CommandError.
    """
    words = _words(text)
    verb = words[0].lower() if words else 'help'
    if verb not in VERBS:
        raise CommandError('There is no such command.')
    if len(words) < 2:
        if verb in ('help', 'status'):
            return Order(verb)
        raise CommandError(f'{verb} needs the name of a stack.')
    names = [each for each in words[1:] if '=' not in each]
    pairs = [each for each in words[1:] if '=' in each]
    takes = 2 if verb in ('preview', 'up') else 1
    if len(names) > takes or not names or (pairs and takes == 1):
        raise CommandError(f'There are words that {verb} does not take.')
    if not all(NAME.fullmatch(each) for each in names):
        raise CommandError('Names are lower-case letters, digits and dashes.')
    inputs = dict(each.split('=', 1) for each in pairs)
    return Order(verb, names[0], names[1] if len(names) > 1 else '', inputs)


def values(program: Program, given: Mapping[str, str]) -> dict[str, Any]:
    """Return inputs as the program takes them: texts as they are, everything else as JSON.

    Raises CommandError for one that is secret: a chat keeps what is written there.
    """
    if secret := sorted(program.secrets.intersection(given)):
        raise CommandError(f'{secret[0]} is a secret, and a chat is no place for one.')
    known = program.schema.get('properties', {})
    return {name: _value(known.get(name, {}), text) for name, text in given.items()}


def _value(schema: Mapping[str, Any], text: str) -> Any:
    if schema.get('type') == 'string':
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _words(text: str) -> list[str]:
    if len(text) > LONGEST:
        raise CommandError(f'A command may have {LONGEST} characters.')
    try:
        return shlex.split(text.translate(QUOTES))
    except ValueError:
        raise CommandError('A quote has no end.') from None
