"""The shape of the file of rules, table by table."""

from __future__ import annotations

from typing import Any

from settings import NAME
from triggers.rules.rule import ON_RESOLVED

Schema = dict[str, Any]

TEXT: Schema = {'type': 'string', 'minLength': 1, 'maxLength': 500}
ID: Schema = {'type': 'string', 'pattern': '^[a-z0-9][a-z0-9-]{0,39}$'}
PRINCIPAL: Schema = {'type': 'string', 'pattern': f'^{NAME.pattern}$'}
COUNT: Schema = {'type': 'integer', 'minimum': 1, 'maximum': 10_000}
NUMBER: Schema = {'type': 'integer', 'minimum': -1_000_000, 'maximum': 1_000_000}
BOOLEAN: Schema = {'type': 'boolean'}
UNKNOWN = 'is not known here'


def table(required: list[str], **properties: Schema) -> Schema:
    """Return the schema of a table with these keys and no others."""
    return {
        'type': 'object',
        'required': required,
        'properties': properties,
        'additionalProperties': False,
    }


FILE = table(
    [],
    enabled=BOOLEAN,
    source={'type': 'object', 'additionalProperties': {'type': 'object'}},
    rule={'type': 'array', 'items': {'type': 'object'}},
    link={'type': 'array', 'items': {'type': 'object'}},
)
RULE = table(
    ['id', 'source', 'run_as', 'match', 'program', 'stack'],
    id=ID,
    source=ID,
    run_as=PRINCIPAL,
    match={
        'type': 'object',
        'minProperties': 1,
        'additionalProperties': {
            'anyOf': [
                {'type': 'string'},
                {'type': 'array', 'items': {'type': 'string'}, 'minItems': 1},
            ]
        },
    },
    program=TEXT,
    stack=TEXT,
    inputs={'type': 'object'},
    scale={'type': 'object'},
    cooldown=TEXT,
    ttl=TEXT,
    on_resolved={'enum': list(ON_RESOLVED)},
    resolve_delay=TEXT,
    quota={'type': 'object'},
    breaker=COUNT,
    dry_run=BOOLEAN,
    approval=ID,
)
SCALE = table(
    ['input', 'min', 'max'],
    input=TEXT,
    step=NUMBER,
    min=NUMBER,
    max=NUMBER,
    escalate_every=TEXT,
)
QUOTA = table([], runs_per_hour=COUNT, stacks=COUNT)
LINK = table(
    ['source', 'team', 'user', 'principal'], source=ID, team=TEXT, user=TEXT, principal=PRINCIPAL
)
SECRETS = ('secret_env', 'secret_file', 'previous_secret_env', 'previous_secret_file')
# Of sources, where not any text will do.
URL: Schema = {'type': 'string', 'pattern': '^https?://[^@/?#]+(/[^?#]*)?$', 'maxLength': 500}
OPTIONS: dict[str, Schema] = {
    'url': URL,
    'callback': URL,
    'webhook_env': TEXT,
    'webhook_file': TEXT,
    'approver': {'enum': ['any', 'other']},
}
