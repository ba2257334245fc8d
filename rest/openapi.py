"""What the OpenAPI document says of `/v1`: from the shapes and parameters that check requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rest import kinds, parameters, reading
from rest.schemas import BOOLEAN, COMPONENTS, COUNT, STRING, VALUES, Schema, list_of
from web.openapi import RETRY_AFTER, answer, operation, with_head

# What may befall whoever looks at something, and whoever names it.
ALWAYS = ['414', '422', '503']
NAMED = [*ALWAYS, '404']
# Of a body: no JSON, too late, without a length, of another type.
BODY = [*ALWAYS, '400', '408', '411', '415']
# Of what is waited for: in the way of another, failed.
OF_SITES = ['409', '502']


def _in_path(name: str, description: str) -> Schema:
    return {
        'name': name,
        'in': 'path',
        'description': description,
        'required': True,
        'schema': STRING,
    }


def _in_header(name: str, description: str, schema: Schema = STRING) -> Schema:
    return {'name': name, 'in': 'header', 'description': description, 'schema': schema}


PROGRAM_NAME = _in_path('name', 'Of the program.')
STACK_NAME = _in_path('name', 'Of the stack.')
SITE_ID = _in_path('id', 'Of the site.')
RUN_ID = _in_path('id', 'Of the run.')
MIGRATION_ID = _in_path('id', 'Of the migration.')
SOURCE_NAME = _in_path('source', 'Of the source, as the rules have it.')

PREFER = _in_header(
    'Prefer',
    f'`wait=10`: wait for the end, at most {reading.LONGEST_WAIT} seconds (RFC 7240).',
)
IF_MATCH = _in_header('If-Match', 'The ETag that the stack must still have.')
IF_NONE_MATCH = _in_header('If-None-Match', 'The ETag that is known.')
KEY = _in_header(
    'Idempotency-Key',
    'Chosen by the client: the same request sent again with it is done once.',
    {'type': 'string', 'pattern': f'^(?:{reading.KEY})$'},
)

ETAG = {'description': 'The version.', 'required': True, 'schema': {'pattern': '^"[0-9]+"$'}}
LOCATION = {'description': 'The run, or the migration.', 'required': True, 'schema': STRING}
APPLIED = {'description': 'How long it would be waited.', 'required': True, 'schema': STRING}
LINK = {'description': 'The next page, with `rel="next"`; missing at the end.', 'schema': STRING}
LOG_NEXT = {'description': '`next` of plain text.', 'schema': COUNT}
LOG_COMPLETE = {'description': '`complete` of plain text.', 'schema': BOOLEAN}


def paths() -> dict[str, Any]:
    """Return the paths of `/v1`, and of what its errors link to."""
    return {
        '/v1/programs': _looks('All programs that you may use, by name.', list_of('Program')),
        '/v1/programs/{name}': _looks('One program.', _ref('Program'), [PROGRAM_NAME]),
        '/v1/stacks': {
            **_lists('All stacks, by name.', 'Stack', parameters.STACKS),
            'post': _creates(),
        },
        '/v1/stacks/{name}': _stack(),
        '/v1/stacks/{name}/outputs': _looks('The outputs of a stack.', VALUES, [STACK_NAME]),
        '/v1/stacks/{name}/resources': _looks(
            'What a stack consists of.', _ref('StackResources'), [STACK_NAME]
        ),
        '/v1/stacks/{name}/reveal': {'post': _reveals()},
        '/v1/stacks/{name}/runs': {
            **_lists(
                'What was done with a stack, newest first.',
                'RunOutline',
                [STACK_NAME, *parameters.HISTORY],
            ),
            'post': _starts(),
        },
        '/v1/runs': _lists('All runs, newest first.', 'RunOutline', parameters.RUNS),
        '/v1/runs/{id}': _looks('One run, ended or not.', _ref('Run'), [RUN_ID]),
        '/v1/runs/{id}/cancel': {'post': _cancels()},
        '/v1/runs/{id}/log': _log(),
        '/v1/migrations': {
            **_lists('Your migrations, newest first.', 'MigrationOutline', parameters.MIGRATIONS),
            'post': _migrates(),
        },
        '/v1/migrations/{id}': _migration(),
        '/v1/migrations/{id}/run': {'post': _goes_on('Do what the plan says.')},
        '/v1/migrations/{id}/cancel': {
            'post': operation(
                'Cancel what is done with a migration; it can be resumed.',
                {'202': _json(_ref('Migration'))},
                [MIGRATION_ID],
                problems=[*NAMED, '408', '409', '411'],
            )
        },
        '/v1/migrations/{id}/resume': {
            'post': _goes_on('Go on where the last run has ended.', parameters.RESUMPTION)
        },
        '/v1/hooks/{source}': {'post': _receives()},
        '/v1/triggers/events': _lists(
            'What calls told and what was decided, newest first.', 'TriggerEvent', parameters.EVENTS
        ),
        '/v1/triggers/check': {
            'post': _tries('Tell what is wrong with a file of rules.', 'Rules', 'RuleFlaws')
        },
        '/v1/triggers/test': {
            'post': _tries(
                'Tell what would be decided of a recorded call; nothing is done.',
                'RecordedCall',
                'Decisions',
                '404',
            )
        },
        '/sites': _sites(),
        '/sites/{id}': _site(),
        kinds.PATH: _kinds(),
    }


def schemas() -> dict[str, Any]:
    """Return the schemas that the paths name."""
    return COMPONENTS


def _stack() -> dict[str, Any]:
    found = _json(_ref('Stack'), {'ETag': ETAG})
    same = answer({}, {'ETag': ETAG})
    look = operation(
        'One stack.', {'200': found, '304': same}, [STACK_NAME, IF_NONE_MATCH], problems=NAMED
    )
    change = operation(
        'Change what is written about a stack; its inputs change by an update.',
        {'200': found},
        [STACK_NAME, IF_MATCH],
        problems=[*BODY, '404', '412'],
    )
    destroy = operation(
        'Destroy a stack, and remove it; again: the same run.',
        {**_begun(), '204': answer({})},
        [STACK_NAME, *parameters.DELETION, PREFER, IF_MATCH, KEY],
        problems=[*NAMED, '400', '409', '412'],
    )
    body = _body('StackChanges', reading.MERGE_PATCH)
    return {**with_head(look), 'patch': {**change, **body}, 'delete': destroy}


def _creates() -> dict[str, Any]:
    described = operation(
        'Create a stack, by its first update.',
        _begun(),
        [PREFER, KEY],
        problems=[*BODY, '409'],
    )
    return {**described, **_body('NewStack')}


def _starts() -> dict[str, Any]:
    described = operation(
        'Run an operation on a stack.',
        _begun(),
        [STACK_NAME, PREFER, IF_MATCH, KEY],
        problems=[*BODY, '404', '409', '412'],
    )
    return {**described, **_body('NewRun')}


def _reveals() -> dict[str, Any]:
    return operation(
        'Tell an output that is secret, or has a secret in it; the audit log notes that.',
        {'200': _json(_ref('Revealed'))},
        [STACK_NAME, *parameters.REVEAL],
        problems=[*NAMED, '408', '411'],
    )


def _cancels() -> dict[str, Any]:
    return operation(
        'Cancel a run; it ends soon after.',
        {'202': _json(_ref('Run'))},
        [RUN_ID],
        problems=[*NAMED, '408', '409', '411'],
    )


def _log() -> dict[str, Any]:
    content = {
        'application/json': {'schema': _ref('LogPart')},
        'text/plain': {'schema': STRING},
    }
    part = answer(content, {'Log-Next': LOG_NEXT, 'Log-Complete': LOG_COMPLETE})
    return with_head(
        operation(
            "Some of a run's log, at most 32 KiB.",
            {'200': part},
            [RUN_ID, *parameters.LOG],
            problems=[*NAMED, '416'],
        )
    )


def _sites() -> dict[str, Any]:
    create = operation(
        'Make a site, and wait until it is there.',
        {'200': _json(_ref('Site'))},
        problems=[*BODY, *OF_SITES],
    )
    return {
        **_looks('The ids of all sites.', _ref('Sites')),
        'post': {**create, **_body('NewSite')},
    }


def _site() -> dict[str, Any]:
    change = operation(
        'Have a site show something else, and wait for that.',
        {'200': _json(_ref('Site'))},
        [SITE_ID],
        problems=[*BODY, '404', *OF_SITES],
    )
    remove = operation(
        'Remove a site, and wait for that.',
        {'200': answer({})},
        [SITE_ID],
        problems=[*NAMED, *OF_SITES],
    )
    return {
        **_looks('One site.', _ref('Site'), [SITE_ID]),
        'put': {**change, **_body('SiteChanges')},
        'delete': remove,
    }


def _migrates() -> dict[str, Any]:
    described = operation(
        'Move tables from one database to another, or plan that.',
        _begun('Migration'),
        [PREFER, KEY],
        problems=[*BODY, '404', '409'],
    )
    return {**described, **_body('NewMigration')}


def _migration() -> dict[str, Any]:
    abandon = operation(
        'Abandon a migration: remove what there is of it in the target, and forget it.',
        {**_begun('Migration'), '204': answer({})},
        [MIGRATION_ID, *parameters.ABANDONMENT, PREFER, KEY],
        problems=[*NAMED, '400', '409'],
    )
    return {**_looks('One migration.', _ref('Migration'), [MIGRATION_ID]), 'delete': abandon}


def _goes_on(summary: str, given: Sequence[Schema] = ()) -> dict[str, Any]:
    return operation(
        summary,
        _begun('Migration'),
        [MIGRATION_ID, *given, PREFER, KEY],
        problems=[*NAMED, '400', '408', '409', '411'],
    )


def _receives() -> dict[str, Any]:
    described = operation(
        'Take a call of another service, which signs it in its own way.',
        {'200': _json(_ref('Receipt')), '202': _json(_ref('Receipt'))},
        [SOURCE_NAME],
        problems=[*NAMED, '408', '411'],
    )
    # Its own proof is no token of ours, so there is nothing to be challenged for.
    described['responses']['401'] = {'$ref': '#/components/responses/Problem'}
    content = {'application/json': {'schema': {'type': 'object'}}}
    return {**described, 'security': [], 'requestBody': {'required': True, 'content': content}}


def _tries(summary: str, given: str, told: str, *more: str) -> dict[str, Any]:
    described = operation(summary, {'200': _json(_ref(told))}, problems=[*BODY, *more])
    return {**described, **_body(given)}


def _kinds() -> dict[str, Any]:
    page = answer({'text/html': {'schema': STRING}})
    return {'get': operation('The kinds of error, which `type` leads to.', {'200': page})}


def _begun(what: str = 'Run') -> dict[str, Any]:
    """Return the answers of what begins a run: it ended within the wait, or goes on."""
    run = _ref(what)
    return {
        '200': _json(run, {'Location': LOCATION, 'Preference-Applied': APPLIED}),
        '202': _json(run, {'Location': LOCATION, 'Retry-After': RETRY_AFTER}),
    }


def _looks(summary: str, schema: Schema, given: Sequence[Schema] = ()) -> dict[str, Any]:
    problems = NAMED if given else ALWAYS
    return with_head(operation(summary, {'200': _json(schema)}, given, problems))


def _lists(summary: str, item: str, given: Sequence[Schema]) -> dict[str, Any]:
    found = _json(list_of(item), {'Link': LINK})
    return with_head(operation(summary, {'200': found}, given, NAMED))


def _json(schema: Schema, headers: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return answer({'application/json': {'schema': schema}}, headers)


def _body(name: str, media_types: Sequence[str] = reading.JSON) -> dict[str, Any]:
    content = {media_type: {'schema': _ref(name)} for media_type in media_types}
    return {'requestBody': {'required': True, 'content': content}}


def _ref(name: str) -> Schema:
    return {'$ref': f'#/components/schemas/{name}'}
