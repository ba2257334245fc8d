"""The query parameters of `/v1`, as the OpenAPI document has them, and how they are read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import falcon

from rest.errors import invalid
from rest.schemas import (
    ANY_OPERATION,
    BOOLEAN,
    OUTCOME,
    STATE_OF_RUN,
    STATE_OF_STACK,
    STRING,
    Schema,
)
from stacks import flaws

Parameter = dict[str, Any]

INTEGER = re.compile('-?[0-9]{1,15}')
WORDS = {'true': True, 'false': False}


def _query(name: str, description: str, schema: Schema) -> Parameter:
    return {'name': name, 'in': 'query', 'description': description, 'schema': schema}


_PAGE = [
    _query(
        'limit',
        'How many items at most.',
        {'type': 'integer', 'minimum': 1, 'maximum': 200, 'default': 50},
    ),
    _query('cursor', 'Where to go on: `next` of the page before.', STRING),
]
_OPERATION = _query('operation', 'Only runs of this operation.', ANY_OPERATION)
_RUN_STATE = _query('state', 'Only runs in this state.', STATE_OF_RUN)
_QUEUE = _query(
    'queue', 'Whether to wait for the run that is in the way.', {**BOOLEAN, 'default': False}
)

NONE: list[Parameter] = []
STACKS = [
    _query('program', 'Only stacks of this program.', STRING),
    _query('state', 'Only stacks in this state.', STATE_OF_STACK),
    _query('owner', 'Only stacks of this owner.', STRING),
    _query('text', 'Only stacks with this in their name or description.', STRING),
    *_PAGE,
]
DELETION = [
    _query(
        'destroy',
        'false, for operators: forget the stack and leave its resources alone.',
        {**BOOLEAN, 'default': True},
    ),
    _QUEUE,
]
REVEAL = [{**_query('output', 'The name of the output.', STRING), 'required': True}]
HISTORY = [_OPERATION, _RUN_STATE, *_PAGE]
RUNS = [_query('stack', 'Only runs of this stack.', STRING), *HISTORY]
MIGRATIONS = [*_PAGE]
EVENTS = [
    _query('source', 'Only events of this source.', STRING),
    _query('rule', 'Only events that this rule is for.', STRING),
    _query('outcome', 'Only events of which this came.', OUTCOME),
    _query('stack', 'Only events about this stack.', STRING),
    *_PAGE,
]
RESUMPTION = [
    _query(
        'allow_rejects',
        'How many rows may be left out from now on; as before if it is not given.',
        {'type': 'integer', 'minimum': 0, 'maximum': 10_000},
    )
]
ABANDONMENT = [
    _query(
        'forget',
        'Whether the target is left alone, with what there may be in it.',
        {**BOOLEAN, 'default': False},
    )
]
LOG = [
    _query(
        'offset',
        'The bytes that are known: `next` of the part before.',
        {'type': 'integer', 'minimum': 0, 'maximum': 2**31 - 1, 'default': 0},
    ),
]


def read(req: falcon.Request, declared: Sequence[Parameter]) -> dict[str, Any]:
    """Return each declared parameter's value or default.

    Raises Problem, of status 422, with everything that is wrong.
    """
    schemas = {each['name']: each['schema'] for each in declared}
    given = {name: _value(text, schemas.get(name, {})) for name, text in req.params.items()}
    required = [each['name'] for each in declared if each.get('required')]
    shape = {
        'type': 'object',
        'properties': schemas,
        'required': required,
        'additionalProperties': False,
    }
    if found := flaws.find(shape, given, 'is not a query parameter here'):
        raise invalid(found, has_body=False)
    return {name: given.get(name, schema.get('default')) for name, schema in schemas.items()}


def _value(text: Any, schema: Schema) -> Any:
    """Return a text as the type of its schema; as it is where it is none, or was given twice."""
    kind = schema.get('type')
    if kind == 'integer' and isinstance(text, str) and INTEGER.fullmatch(text):
        return int(text)
    if kind == 'boolean' and isinstance(text, str):
        return WORDS.get(text, text)
    return text
