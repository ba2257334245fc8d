"""What a program takes, read from its JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.cli import text
from infra.errors import AnswerError
from infra.records import Json


@dataclass(frozen=True)
class Input:
    """An input as people see it: all of it in words."""

    name: str
    kind: str
    default: str
    description: str


def properties(schema: Json) -> dict[str, Json]:
    """Return what is said of each input, in the order in which they are to be asked for.

    Raises AnswerError.
    """
    found = schema.get('properties', {})
    if isinstance(found, dict) and all(isinstance(about, dict) for about in found.values()):
        return found
    raise AnswerError('The service describes the inputs of this program in no way known here.')


def inputs(schema: Json) -> list[Input]:
    """Return a program's inputs; raises AnswerError."""
    required = schema.get('required')
    names = required if isinstance(required, list) else []
    return [_input(name, about, name in names) for name, about in properties(schema).items()]


def _input(name: str, about: Mapping[str, Any], is_required: bool) -> Input:
    default = '(required)' if is_required else text.shown(about.get('default', ''))
    description = str(about.get('description') or about.get('title', ''))
    enum = about.get('enum')
    choice = ', '.join(map(text.shown, enum if isinstance(enum, list) else []))
    words = f'{description} (one of {choice})' if choice else description
    return Input(name, _kind(about), default, words)


def _kind(about: Mapping[str, Any]) -> str:
    kind = str(about.get('type', 'any'))
    if kind == 'array' and isinstance(about.get('items'), dict):
        kind = f'array of {about["items"].get("type", "any")}'
    return f'{kind}, secret' if about.get('writeOnly') else kind
