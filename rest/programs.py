"""`/v1/programs`: what people can choose from."""

from __future__ import annotations

from typing import Any

import falcon

from rest import parameters, reading
from stacks.platform import Platform
from stacks.programs import Program


class Programs:
    """The programs of the catalogue that a caller may use."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        parameters.read(req, parameters.NONE)
        found = self._platform.programs(reading.caller(req))
        resp.media = {'items': [shown(program) for program in found], 'next': None}

    on_head = on_get


class OneProgram:
    """One of them."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def on_get(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        parameters.read(req, parameters.NONE)
        resp.media = shown(self._platform.program(reading.caller(req), name))

    on_head = on_get


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
