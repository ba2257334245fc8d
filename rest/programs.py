"""`/v1/programs`: what people can choose from."""

from __future__ import annotations

from typing import Any

import falcon

from stacks.catalogue import Catalogue
from stacks.programs import Program


class Programs:
    """All programs of the catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        items = [shown(program) for program in self._catalogue.programs()]
        resp.media = {'items': items, 'next': None}


class OneProgram:
    """One program."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def on_get(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        program = self._catalogue.program(name)
        if program is None:
            raise falcon.HTTPNotFound(description='There is no program of this name.')
        resp.media = shown(program)


def shown(program: Program) -> dict[str, Any]:
    """Return what a client gets to see of a program."""
    return {
        'name': program.name,
        'title': program.title,
        'description': program.description,
        'category': program.category,
        'available': not program.reason,
        'reason': program.reason or None,
        'inputs': program.schema,
    }
