"""What people give to a program: checked all at once, before Pulumi sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stacks import flaws
from stacks.errors import Flaw
from stacks.programs import Program


class InputsError(Exception):
    """Inputs do not fit the program."""

    def __init__(self, flaws: list[Flaw]) -> None:
        super().__init__('; '.join(f'{flaw.pointer} {flaw.detail}' for flaw in flaws))
        self.flaws = flaws


def check(program: Program, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all inputs of a program: those given, and the defaults of the others.

    Raises InputsError with everything that is wrong.
    """
    if found := flaws.find(program.schema, given, 'is not an input of this program'):
        raise InputsError(found)
    properties = program.schema['properties']
    defaults = {name: each['default'] for name, each in properties.items() if 'default' in each}
    return {**defaults, **given}
