"""What pages show of a stack, and who is offered to change it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from portal.views import InputChange, Shown
from stacks.operation.marks import SECRET
from stacks.records import Caller, Run, Stack


def may_change(caller: Caller, stack: Stack) -> bool:
    """Tell whether somebody may do something with a stack; the platform decides it again."""
    return caller.may('operator') or (caller.may('user') and caller.name == stack.owner)


def outputs(stack: Stack, revealed: tuple[str, Any] | None = None) -> list[Shown]:
    """Return a stack's outputs; revealed: name and value of a secret one that is to be seen."""
    found = []
    for name, value in stack.outputs.items():
        if revealed and name == revealed[0]:
            found.append(Shown(name, revealed[1], is_secret=True, is_revealed=True))
        else:
            found.append(Shown(name, value, _has_secret(value), _is_link(value)))
    return found


def inputs(stack: Stack) -> list[Shown]:
    """Return a stack's inputs."""
    return [Shown(name, value, value == SECRET) for name, value in stack.inputs.items()]


def input_changes(stack: Stack, run: Run) -> list[InputChange]:
    """Return the inputs that a run has otherwise than its stack has them now."""
    names = dict.fromkeys([*stack.inputs, *run.inputs])
    pairs = ((name, stack.inputs.get(name), run.inputs.get(name)) for name in names)
    return [InputChange(*pair) for pair in pairs if pair[1] != pair[2]]


def _has_secret(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_secret, value.values()))
    if isinstance(value, list):
        return any(map(_has_secret, value))
    return bool(value == SECRET)


def _is_link(value: Any) -> bool:
    if not isinstance(value, str) or any(each.isspace() for each in value):
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in ('http', 'https') and bool(parts.netloc)
