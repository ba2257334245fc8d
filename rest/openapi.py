"""What the OpenAPI document says of `/v1`."""

from __future__ import annotations

from typing import Any

from web.openapi import described

PROGRAM = {
    'type': 'object',
    'description': 'A program of the catalogue.',
    'required': ['name', 'title', 'description', 'category', 'available', 'reason', 'inputs'],
    'properties': {
        'name': {'type': 'string'},
        'title': {'type': 'string'},
        'description': {'type': 'string'},
        'category': {'type': 'string'},
        'available': {'type': 'boolean'},
        'reason': {'type': ['string', 'null'], 'description': 'Why it is not available.'},
        'inputs': {
            'type': 'object',
            'description': 'A JSON Schema (2020-12) of what the program takes; secrets are '
            '`writeOnly`. The order of the properties is the one to ask in.',
        },
    },
    'additionalProperties': False,
}
NAME = {
    'name': 'name',
    'in': 'path',
    'required': True,
    'schema': {'type': 'string'},
}


def paths() -> dict[str, Any]:
    """Return the paths of `/v1`."""
    one = {'$ref': '#/components/schemas/Program'}
    return {
        '/v1/programs': described('All programs of the catalogue, by name.', _list_of(one)),
        '/v1/programs/{name}': described('One program.', one, [NAME], problems=['404']),
    }


def schemas() -> dict[str, Any]:
    """Return the schemas that the paths name."""
    return {'Program': PROGRAM}


def _list_of(item: dict[str, Any]) -> dict[str, Any]:
    return {
        'type': 'object',
        'required': ['items', 'next'],
        'properties': {
            'items': {'type': 'array', 'items': item},
            'next': {'type': ['string', 'null'], 'description': 'The cursor of the next page.'},
        },
        'additionalProperties': False,
    }
