"""What a program takes, read from its JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.cli import text
from infra.records import Json


@dataclass(frozen=True)
class Input:
    """An input as people see it: all of it in words."""

    name: str
    kind: str
    default: str
    description: str


def inputs(schema: Json) -> list[Input]:
    """Return a program's inputs in the order in which they are to be asked for."""
    required = schema.get('required', [])
    properties = schema.get('properties', {})
    return [_input(name, about, name in required) for name, about in properties.items()]


def _input(name: str, about: Mapping[str, Any], is_required: bool) -> Input:
    default = '(required)' if is_required else text.shown(about.get('default', ''))
    description = about.get('description') or about.get('title', '')
    choice = ', '.join(text.shown(each) for each in about.get('enum', []))
    words = f'{description} (one of {choice})' if choice else description
    return Input(name, _kind(about), default, words)


def _kind(about: Mapping[str, Any]) -> str:
    kind = str(about.get('type', 'any'))
    if kind == 'array' and isinstance(about.get('items'), dict):
        kind = f'array of {about["items"].get("type", "any")}'
    return f'{kind}, secret' if about.get('writeOnly') else kind
