"""What pages show of a stack, and who is offered to change it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from portal.rendering import LONGEST_VALUE, short, text
from portal.views import InputChange, Shown
from stacks.operation.marks import SECRET, contains
from stacks.programs import Program
from stacks.records import Run, Stack

# Characters of all outputs on a page; of those beyond, how they begin.
ROOM = 8000


def outputs(stack: Stack, revealed: tuple[str, Any] | None = None) -> list[Shown]:
    """Return a stack's outputs; revealed: name and value of a secret one that is to be seen."""
    found = []
    room = ROOM
    for name, value in stack.outputs.items():
        if revealed and name == revealed[0]:
            found.append(Shown(name, text(revealed[1]), is_revealed=True))
            continue
        shown = _shown(name, value, room)
        room -= len(shown.text)
        found.append(shown)
    return found


def inputs(stack: Stack, program: Program | None) -> list[Shown]:
    """Return a stack's inputs, in the order of the program's form."""
    order = program.schema.get('properties', {}) if program else {}
    names = [name for name in order if name in stack.inputs]
    others = [name for name in stack.inputs if name not in order]
    return [_shown(name, stack.inputs[name], 0) for name in [*names, *others]]


def _shown(name: str, value: Any, room: int) -> Shown:
    """Return a value, whole where it is short or there is room."""
    whole = text(value)
    is_cut = len(whole) > max(room, LONGEST_VALUE)
    return Shown(
        name,
        short(value) if is_cut else whole,
        is_cut,
        contains(value, lambda part: part == SECRET),
        not is_cut and _is_link(value),
    )


def input_changes(before: Mapping[str, Any], run: Run) -> list[InputChange]:
    """Return the inputs that a run has otherwise than they were before."""
    names = dict.fromkeys([*before, *run.inputs])
    pairs = ((name, before.get(name), run.inputs.get(name)) for name in names)
    return [InputChange(*pair) for pair in pairs if pair[1] != pair[2]]


def _is_link(value: Any) -> bool:
    if not isinstance(value, str) or any(each.isspace() for each in value):
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in ('http', 'https') and bool(parts.netloc)
