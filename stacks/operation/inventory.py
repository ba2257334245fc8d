"""What a stack consists of by its state: its resources, and its outputs that are secret."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stacks.operation.marks import contains, is_marked, is_secret, name_of
from stacks.operation.progress import STACK_TYPE, is_shown

# What is kept of very large stacks.
MOST_RESOURCES = 500


@dataclass(frozen=True)
class Inventory:
    """What there is.

    resources: each `{"urn", "type", "name", "id", "parent", "depends_on"}`; parent: a urn, None
        where it is the stack itself; depends_on: urns.
    secret_outputs: by name, the whole output as JSON, encrypted.
    """

    resources: list[dict[str, Any]]
    secret_outputs: dict[str, str]


def take(deployment: Mapping[str, Any], encrypt: Callable[[str], str]) -> Inventory:
    """Return what a deployment has, as Pulumi exports one with its secrets in clear.

    encrypt: makes of a text what may be stored.
    """
    found = [each for each in deployment.get('resources') or [] if not each.get('delete')]
    shown = [each for each in found if is_shown(each['type'])]
    known = {each['urn'] for each in shown}
    stack: Mapping[str, Any] = next((e for e in found if e['type'] == STACK_TYPE), {})
    secrets = {
        name: encrypt(json.dumps(_in_clear(value)))
        for name, value in (stack.get('outputs') or {}).items()
        if contains(value, is_secret)
    }
    return Inventory([_resource(each, known) for each in shown[:MOST_RESOURCES]], secrets)


def _resource(given: Mapping[str, Any], known: set[str]) -> dict[str, Any]:
    parent = given.get('parent')
    return {
        'urn': given['urn'],
        'type': given['type'],
        'name': name_of(given['urn']),
        'id': given.get('id') or None,
        'parent': parent if parent in known else None,
        'depends_on': [urn for urn in given.get('dependencies') or [] if urn in known],
    }


def _in_clear(value: Any) -> Any:
    """Return a value with its secrets as what they are."""
    if is_secret(value):
        return _in_clear(json.loads(value['plaintext']))
    if isinstance(value, dict) and not is_marked(value):
        return {name: _in_clear(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_in_clear(part) for part in value]
    return value
