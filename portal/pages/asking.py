"""What pages ask of a request: who sends it, its query and its form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import falcon

from stacks.records import Caller
from web import bodies

Form = Mapping[str, Sequence[str]]
# Stacks and runs in a part of a list, and the largest page of one.
LIMIT = 50
LONGEST_OFFSET = 10**7
MOST_DIGITS = 15


def caller(req: falcon.Request) -> Caller:
    """Return who asks."""
    found: Caller = req.context.caller
    return found


def form(req: falcon.Request) -> Form:
    """Return the fields of the form that was sent."""
    return bodies.read_form(req)


def one(form: Form, name: str) -> str:
    """Return a field's value; empty without one."""
    return form.get(name, [''])[-1]


def query(req: falcon.Request, name: str) -> str:
    """Return a value of the query; empty without one."""
    found = req.get_param_as_list(name) or ['']
    return str(found[-1])


def offset(req: falcon.Request, name: str = 'from') -> int:
    """Return how much comes before what is asked for; what is no number is none."""
    return min(number(query(req, name)) or 0, LONGEST_OFFSET)


def number(text: str) -> int | None:
    """Return the whole number that a text is; None where it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS else None
