"""The JSON of `/v1`, each shape once: what checks requests is what the OpenAPI document says."""

from __future__ import annotations

from typing import Any

from settings import NAME
from stacks.records import OF_MIGRATIONS, OPERATIONS, RUN_STATES, STACK_STATES
from triggers.records import OUTCOMES

Schema = dict[str, Any]

STRING: Schema = {'type': 'string'}
BOOLEAN: Schema = {'type': 'boolean'}
COUNT: Schema = {'type': 'integer', 'minimum': 0}
TIME: Schema = {'type': 'string', 'format': 'date-time'}
VALUES: Schema = {'type': 'object', 'description': 'By name; secrets are `[secret]`.'}
STATE_OF_RUN: Schema = {'enum': list(RUN_STATES)}
STATE_OF_STACK: Schema = {'enum': list(STACK_STATES)}
OPERATION: Schema = {'enum': list(OPERATIONS)}
OUTCOME: Schema = {'enum': list(OUTCOMES)}
# Of runs, which migrations have as well.
ANY_OPERATION: Schema = {'enum': [*OPERATIONS, *OF_MIGRATIONS]}


def or_null(schema: Schema) -> Schema:
    """Return the schema of a value that may be missing."""
    return {**schema, 'type': [schema['type'], 'null']}


def closed(description: str, properties: dict[str, Schema], required: list[str]) -> Schema:
    """Return the schema of an object with these properties and no others."""
    return {
        'type': 'object',
        'description': description,
        'required': required,
        'properties': properties,
        'additionalProperties': False,
    }


def record(description: str, /, **properties: Schema) -> Schema:
    """Return the schema of an answer's object: all of its properties are always there."""
    return closed(description, properties, list(properties))


def list_of(item: str) -> Schema:
    """Return the schema of a page of what the document calls `item`."""
    return record(
        'One page.',
        items={'type': 'array', 'items': {'$ref': f'#/components/schemas/{item}'}},
        next=or_null({**STRING, 'description': 'The cursor of the next page; null at the end.'}),
    )


PROGRAM = record(
    'A program of the catalogue.',
    name=STRING,
    title=STRING,
    description=STRING,
    category=STRING,
    available=BOOLEAN,
    reason=or_null({**STRING, 'description': 'Why it is not available.'}),
    inputs={
        'type': 'object',
        'description': 'A JSON Schema (2020-12) of what the program takes; secrets are '
        '`writeOnly`. The order of the properties is the one to ask in.',
    },
)
STACK = record(
    'A stack that lasts.',
    name=STRING,
    program=STRING,
    state=STATE_OF_STACK,
    description=STRING,
    inputs=VALUES,
    outputs=VALUES,
    owner=STRING,
    created_at=TIME,
    expires_at=or_null({**TIME, 'description': 'When it is destroyed; null: never.'}),
    protected={**BOOLEAN, 'description': 'Whether it refuses to be destroyed.'},
    drift=or_null(
        {
            'type': 'object',
            'description': 'What was changed outside, as far as is known; null: nobody looked.',
            'required': ['checked_at', 'changes'],
            'properties': {
                'checked_at': TIME,
                'changes': {'type': 'object', 'additionalProperties': COUNT},
            },
        }
    ),
    last_run=or_null({**STRING, 'description': 'The id of its last run.'}),
    version={**COUNT, 'description': 'Goes up with each change; the ETag.'},
)
STACK_RESOURCE = record(
    'A resource that a stack consists of.',
    urn=STRING,
    type=STRING,
    name=STRING,
    id=or_null({**STRING, 'description': 'Its id at its provider; null where it has none.'}),
    parent=or_null({**STRING, 'description': 'The urn of its parent; null: the stack.'}),
    depends_on={'type': 'array', 'items': STRING, 'description': 'Urns.'},
)
STACK_RESOURCES = record(
    'What a stack consists of.',
    items={'type': 'array', 'items': {'$ref': '#/components/schemas/StackResource'}},
)
REVEALED = record('An output in clear.', value={})
RESOURCE = record(
    'A resource that a run deals with.',
    name=STRING,
    type=STRING,
    operation=STRING,
    state={'enum': ['running', 'done', 'failed']},
    seconds={'type': ['number', 'null']},
    differences={
        'type': 'array',
        'items': record(
            'A property that changes.',
            path=STRING,
            old={},
            new={},
            replaces={**BOOLEAN, 'description': 'Whether the resource is replaced because of it.'},
        ),
    },
)
ERROR: Schema = or_null(
    record(
        'Why it failed; null when nothing did.',
        message=STRING,
        resource=or_null(STRING),
        detail=or_null(STRING),
    )
)
_OUTLINE: dict[str, Schema] = {
    'id': STRING,
    'stack': STRING,
    'program': STRING,
    'operation': ANY_OPERATION,
    'state': STATE_OF_RUN,
    'error': ERROR,
    'changes': {
        'type': 'object',
        'description': 'How many resources were, or would be, created, updated and so on.',
        'additionalProperties': COUNT,
    },
    'inputs': VALUES,
    'caller': {**STRING, 'description': 'Who asked for it.'},
    'reason': {**STRING, 'description': 'Why it was begun, where nobody asked: as `expired`.'},
    'accept': {**BOOLEAN, 'description': 'Whether a refresh takes over what it finds.'},
    'preview': or_null({**STRING, 'description': 'The preview that an update was decided by.'}),
    'digest': {**STRING, 'description': "Of the program's files; empty until it began."},
    'attempts': {**COUNT, 'description': 'How often it was begun.'},
    'cancel_requested': BOOLEAN,
    'created_at': TIME,
    'started_at': or_null(TIME),
    'ended_at': or_null(TIME),
}
RUN_OUTLINE = record('One operation on a stack, without its resources.', **_OUTLINE)
RUN = record(
    'One operation on a stack.',
    resources={'type': 'array', 'items': {'$ref': '#/components/schemas/Resource'}},
    **_OUTLINE,
)
LOG_PART = record(
    "Some of a run's log.",
    offset={**COUNT, 'description': 'Bytes before this part.'},
    next={**COUNT, 'description': 'The offset to go on from.'},
    text=STRING,
    complete={**BOOLEAN, 'description': 'Whether nothing will come any more.'},
    state=STATE_OF_RUN,
    resources_done=COUNT,
)

GIVEN_INPUTS: Schema = {'type': 'object', 'description': "As the program's `inputs` say."}
TTL = or_null({**STRING, 'description': 'How long it lasts, as `90m`, `8h`, `3d` or `PT8H`.'})
NEW_STACK = closed(
    'A stack to create.',
    {
        'program': STRING,
        'name': {**STRING, 'pattern': f'^{NAME.pattern}$'},
        'inputs': GIVEN_INPUTS,
        'ttl': TTL,
        'description': STRING,
        'preview': {
            **BOOLEAN,
            'description': 'Whether the first run only tells what there would be; an update by it '
            'makes that.',
        },
    },
    required=['program', 'name'],
)
STACK_CHANGES = closed(
    'What is to change; null takes it away (RFC 7396).',
    {
        'ttl': TTL,
        'expires_at': or_null(TIME),
        'owner': STRING,
        'description': or_null(STRING),
        'protected': or_null(BOOLEAN),
    },
    required=[],
)
NEW_RUN = closed(
    'An operation to run on a stack.',
    {
        'operation': OPERATION,
        'inputs': GIVEN_INPUTS,
        'preview': {**STRING, 'description': 'Update as this preview says; it must still hold.'},
        'accept': {**BOOLEAN, 'description': 'Whether a refresh takes over what it finds.'},
        'queue': {**BOOLEAN, 'description': 'Whether to wait for the run that is in the way.'},
    },
    required=['operation'],
)

_NOTE = record(
    'How something differs in the target.',
    level={'enum': ['same', 'widened', 'lost', 'refused']},
    text=STRING,
)
_PLAN = {
    'type': 'object',
    'description': 'What will be done: tables with their columns and types, DDL, notes on what is '
    'widened, lost or refused, rows, bytes and seconds as far as they can be told.',
    'required': ['source', 'target', 'schema', 'tables', 'notes', 'seconds', 'replaced'],
    'properties': {
        'source': STRING,
        'target': STRING,
        'schema': STRING,
        'tables': {'type': 'array', 'items': {'type': 'object'}},
        'notes': {'type': 'array', 'items': _NOTE},
        'seconds': {'type': 'number'},
        'replaced': {'type': 'array', 'items': STRING},
    },
}
_REJECT = record(
    'A row that was left out, by the value that does not fit.',
    table=STRING,
    key=STRING,
    column=STRING,
    value=STRING,
    reason=STRING,
)
_MIGRATION_OUTLINE: dict[str, Schema] = {
    'id': STRING,
    'run': {**STRING, 'description': 'Its last run, of which operation, state and error are.'},
    'operation': {'enum': list(OF_MIGRATIONS)},
    'state': STATE_OF_RUN,
    'source': {**STRING, 'description': 'Without its password; `stack NAME` for one of a stack.'},
    'target': STRING,
    'tables': {'type': 'array', 'items': STRING, 'description': 'Only these; empty: all.'},
    'schema': {**STRING, 'description': 'Of the target.'},
    'replace': BOOLEAN,
    'allow_rejects': COUNT,
    'progress': or_null(
        record(
            'How far it is in its step.',
            step=STRING,
            rows=COUNT,
            total=COUNT,
            rate={'type': 'number', 'description': 'Rows a second.'},
            seconds_left={'type': ['number', 'null']},
        )
    ),
    'rows': or_null({**COUNT, 'description': 'How many were moved, once all is done.'}),
    'backup': or_null({**STRING, 'description': 'The schema with the tables that were replaced.'}),
    'error': ERROR,
    'caller': {**STRING, 'description': 'Who asked for it.'},
    'cancel_requested': BOOLEAN,
    'created_at': TIME,
    'started_at': or_null(TIME),
    'ended_at': or_null(TIME),
}
MIGRATION_OUTLINE = record('A migration, without its plan and rejects.', **_MIGRATION_OUTLINE)
MIGRATION = record(
    'Tables on their way from one database to another.',
    plan=or_null(_PLAN),
    rejects={'type': 'array', 'items': _REJECT},
    **_MIGRATION_OUTLINE,
)
_END = closed(
    'A database: its `url`, with the password in it, or the `stack` whose output `url` it is.',
    {'url': {**STRING, 'writeOnly': True}, 'stack': STRING},
    required=[],
)
NEW_MIGRATION = closed(
    'Tables to move.',
    {
        'source': _END,
        'target': _END,
        'tables': {'type': 'array', 'items': STRING, 'description': 'Only these; empty: all.'},
        'schema': {**STRING, 'description': 'Of the target; `public` if none is named.'},
        'source_schema': {**STRING, 'description': 'Of a PostgreSQL source; as above.'},
        'types': {
            'type': 'object',
            'description': 'Types of the target by `table.column`, where you choose them.',
            'additionalProperties': STRING,
        },
        'zero_dates_are_null': {**BOOLEAN, 'description': "MySQL's 0000-00-00."},
        'replace': {
            **BOOLEAN,
            'description': 'Whether tables of the same names are moved into a backup schema.',
        },
        'allow_rejects': {**COUNT, 'description': 'How many rows that do not fit are left out.'},
        'plan': {**BOOLEAN, 'description': 'Whether only a plan is made, and nothing is moved.'},
    },
    required=['source', 'target'],
)

TRIGGER_EVENT = record(
    'What a call from elsewhere told, and what was decided.',
    id=STRING,
    source={**STRING, 'description': 'Who called, as the rules name it.'},
    rule={**STRING, 'description': 'The rule that it is for; empty: none.'},
    status={**STRING, 'description': '`firing`, `resolved`, `once`; `due`: by the clock.'},
    name=STRING,
    labels={'type': 'object', 'additionalProperties': STRING},
    url={**STRING, 'description': 'Where there is more of it; empty: nowhere.'},
    outcome=OUTCOME,
    reason=STRING,
    program=STRING,
    stack=STRING,
    target=or_null(
        {
            'type': 'object',
            'description': 'The input that is moved.',
            'required': ['input', 'from', 'to'],
            'properties': {
                'input': STRING,
                'from': {'type': 'integer'},
                'to': {'type': 'integer'},
            },
        }
    ),
    caller={**STRING, 'description': 'In whose name it is done.'},
    run=or_null({**STRING, 'description': 'The id of the run that came of it.'}),
    received_at=TIME,
    decided_at=or_null(TIME),
)
RECEIPT = record(
    'What was stored of a call.',
    events={
        'type': 'array',
        'items': record('An event.', id=STRING, rule=STRING, outcome=OUTCOME, reason=STRING),
    },
    note={**STRING, 'description': 'What its sender should know; empty: nothing.'},
)
RULES = closed('A file of rules.', {'rules': {**STRING, 'description': 'TOML.'}}, ['rules'])
RULE_FLAWS = record(
    'What is wrong with a file of rules; nothing where it can be used.',
    flaws={
        'type': 'array',
        'items': record('A flaw.', line=COUNT, field=STRING, detail=STRING),
    },
)
RECORDED_CALL = closed(
    'A call as it was recorded.',
    {
        'source': STRING,
        'body': {**STRING, 'description': 'As it came.'},
        'headers': {'type': 'object', 'additionalProperties': STRING},
    },
    ['source', 'body'],
)
DECISIONS = record(
    'What would be decided.',
    items={'type': 'array', 'items': {'$ref': '#/components/schemas/TriggerEvent'}},
)

SITE_ID: Schema = {**STRING, 'pattern': f'^{NAME.pattern}$'}
CONTENT: Schema = {**STRING, 'description': 'The page, as HTML or text.'}
SITE = record(
    'A page that everybody can read.',
    id=SITE_ID,
    url={**STRING, 'description': 'Its host, without `http://`.'},
)
SITES = record('All of them.', ids={'type': 'array', 'items': SITE_ID})
NEW_SITE = closed('A site to create.', {'id': SITE_ID, 'content': CONTENT}, ['id', 'content'])
SITE_CHANGES = closed(
    'The page that a site shows from now on.', {'id': SITE_ID, 'content': CONTENT}, ['content']
)

COMPONENTS = {
    'Program': PROGRAM,
    'Stack': STACK,
    'Resource': RESOURCE,
    'Run': RUN,
    'RunOutline': RUN_OUTLINE,
    'LogPart': LOG_PART,
    'NewStack': NEW_STACK,
    'StackChanges': STACK_CHANGES,
    'StackResource': STACK_RESOURCE,
    'StackResources': STACK_RESOURCES,
    'Revealed': REVEALED,
    'NewRun': NEW_RUN,
    'Migration': MIGRATION,
    'MigrationOutline': MIGRATION_OUTLINE,
    'NewMigration': NEW_MIGRATION,
    'TriggerEvent': TRIGGER_EVENT,
    'Receipt': RECEIPT,
    'Rules': RULES,
    'RuleFlaws': RULE_FLAWS,
    'RecordedCall': RECORDED_CALL,
    'Decisions': DECISIONS,
    'Site': SITE,
    'Sites': SITES,
    'NewSite': NEW_SITE,
    'SiteChanges': SITE_CHANGES,
}
