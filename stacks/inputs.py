"""What people give to a program: checked all at once, before Pulumi sees it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from stacks import flaws
from stacks.errors import InvalidError
from stacks.programs import Program
from stacks.vault import Vault


def check(program: Program, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all inputs of a program: those given, and the defaults of the others.

    Raises InvalidError with everything that is wrong; pointers begin at the inputs.
    """
    found = flaws.find(program.schema, given, 'is not an input of this program')
    if found := [*found, *flaws.beyond(given)]:
        raise InvalidError(found)
    properties = program.schema['properties']
    defaults = {name: each['default'] for name, each in properties.items() if 'default' in each}
    return {**defaults, **given}


def seal(program: Program, checked: Mapping[str, Any], vault: Vault) -> dict[str, Any]:
    """Return inputs as they are stored: `plain`, and `secret` ones encrypted."""
    secret = program.secrets
    return {
        'plain': {name: value for name, value in checked.items() if name not in secret},
        'secret': {
            name: vault.encrypt(value if isinstance(value, str) else json.dumps(value))
            for name, value in checked.items()
            if name in secret
        },
    }


def unseal(program: Program, stored: Mapping[str, Any], vault: Vault) -> dict[str, Any]:
    """Return stored inputs as they were given, those that the program still takes."""
    known = program.schema['properties']
    found = {name: value for name, value in stored['plain'].items() if name in known}
    for name, sealed in stored['secret'].items():
        if name in known:
            found[name] = _given(vault.decrypt(sealed), known[name]['type'])
    return found


def _given(text: str, kind: str) -> Any:
    """Return what a secret was given as; its text where the program wants another kind by now."""
    if kind == 'string':
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
