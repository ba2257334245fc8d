"""What people give to a program: checked all at once, before Pulumi sees it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from stacks import flaws
from stacks.errors import Flaw, InvalidError
from stacks.programs import Program
from stacks.vault import Vault

# What a mapping in a stack's settings may not have: Pulumi takes one for something encrypted, and
# YAML the other for the members of another mapping.
REFUSED = ('secure', '<<')
NONE: dict[str, Any] = {'plain': {}, 'secret': {}}


def check(program: Program, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all inputs of a program: those given, and the defaults of the others.

    Raises InvalidError with everything that is wrong; pointers begin at the inputs.
    """
    found = flaws.find(program.schema, given, 'is not an input of this program')
    if found := [*found, *flaws.beyond(given)]:
        raise InvalidError(found)
    properties = program.schema['properties']
    defaults = {name: each['default'] for name, each in properties.items() if 'default' in each}
    whole = {**defaults, **given}
    if refused := list(_refused(whole)):
        raise InvalidError(refused)
    return whole


def seal(
    program: Program, checked: Mapping[str, Any], vault: Vault, before: Mapping[str, Any] = NONE
) -> dict[str, Any]:
    """Return inputs as they are stored: `plain`, and `secret` ones encrypted.

    before: others that are stored; a secret that is among them is not encrypted anew.
    """
    texts = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in checked.items()
        if name in program.secrets
    }
    known = {
        name: sealed
        for name, sealed in before['secret'].items()
        if name in texts and vault.decrypt(sealed) == texts[name]
    }
    return {
        'plain': {name: value for name, value in checked.items() if name not in texts},
        'secret': {name: known.get(name) or vault.encrypt(text) for name, text in texts.items()},
    }


def unseal(program: Program, stored: Mapping[str, Any], vault: Vault) -> dict[str, Any]:
    """Return stored inputs as they were given, those that the program still takes.

    What was given as a secret is left out where the program would not keep it as one.
    """
    known = program.schema['properties']
    found = {name: value for name, value in stored['plain'].items() if name in known}
    for name in stored['secret'].keys() & program.secrets:
        found[name] = _given(vault.decrypt(stored['secret'][name]), known[name]['type'])
    return found


def merge(
    before: Mapping[str, Any], ordered: Mapping[str, Any], given: Collection[str]
) -> dict[str, Any]:
    """Return ordered inputs, as they are stored, with those that were not given as in `before`."""
    return {
        kind: {
            name: value if name in given else before[kind].get(name, value)
            for name, value in ordered[kind].items()
        }
        for kind in NONE
    }


def _refused(whole: Mapping[str, Any]) -> Iterator[Flaw]:
    """Yield what Pulumi would not read as it was given."""
    for path, part in flaws.parts(whole):
        for key in REFUSED:
            if isinstance(part, dict) and key in part:
                yield Flaw(flaws.pointer(path), f'must have no member {key}')


def _given(text: str, kind: str) -> Any:
    """Return what a secret was given as; its text where the program wants another kind by now."""
    if kind == 'string':
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
