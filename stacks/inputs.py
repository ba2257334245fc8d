"""What people give to a program: checked all at once, before Pulumi sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stacks import flaws
from stacks.errors import InvalidError
from stacks.programs import Program


def check(program: Program, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all inputs of a program: those given, and the defaults of the others.

    Raises InvalidError with everything that is wrong; pointers begin at the inputs.
    """
    if found := flaws.find(program.schema, given, 'is not an input of this program'):
        raise InvalidError(found)
    properties = program.schema['properties']
    defaults = {name: each['default'] for name, each in properties.items() if 'default' in each}
    return {**defaults, **given}
