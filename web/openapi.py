"""The service's own description (OpenAPI 3.1), kept by hand and tested against the routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def document(
    needs_token: bool, paths: Mapping[str, Any], schemas: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the OpenAPI document of a service that was started with or without a token.

    paths, schemas: what other rooms serve beside the routes of this document, and its schemas.
    """
    return {
        'openapi': '3.1.0',
        'info': {
            'title': 'Infrastructure behind one HTTP GET',
            'version': '1.0.0',
            'description': 'A GET creates infrastructure, reads its output and destroys it.',
        },
        'paths': {
            '/': _get('A greeting; nothing is provisioned.', _value('^hello, world$'), head=True),
            '/id': _run('One random byte in base64.', '^[A-Za-z0-9+/]{2}==$'),
            '/uuid': _run('A random UUID.', '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'),
            '/string': _run('24 random characters.', '^.{24}$'),
            '/healthz': _get('Whether the process lives.', _status('ok'), head=True, is_open=True),
            '/readyz': _get(
                'Whether a run could succeed.',
                _status('ready'),
                head=True,
                problems=['503'],
                is_open=True,
            ),
            '/metrics': _get('Figures for Prometheus.', {'text/plain': {}}),
            '/openapi.json': _get('This document.', {'application/json': {}}),
            **paths,
        },
        'components': {
            'schemas': {'Problem': PROBLEM, **schemas},
            'responses': {
                'Problem': _problem_response({}),
                'Unauthorized': _problem_response({'WWW-Authenticate': _CHALLENGE}),
                # The server's own answer, before the service has a say.
                'TooLong': {'description': 'The address has more than 4094 characters.'},
                'Unavailable': _problem_response({'Retry-After': RETRY_AFTER}),
            },
            'parameters': {'RequestId': _REQUEST_ID_PARAMETER},
            'headers': {'RequestId': _REQUEST_ID_HEADER},
            'securitySchemes': {'token': {'type': 'http', 'scheme': 'bearer'}},
        },
        'security': [{'token': []}] if needs_token else [],
    }


PROBLEM: dict[str, Any] = {
    'type': 'object',
    'description': 'Any error, as of RFC 9457.',
    'required': ['title', 'status', 'request_id'],
    'properties': {
        'title': {'type': 'string'},
        'status': {'type': 'integer'},
        'detail': {'type': 'string'},
        'request_id': {'type': 'string'},
        'type': {
            'type': 'string',
            'format': 'uri-reference',
            'description': 'What to read about this kind of error.',
        },
        'errors': {
            'type': 'array',
            'minItems': 1,
            'items': {
                'type': 'object',
                'required': ['pointer', 'detail'],
                'properties': {
                    'pointer': {
                        'type': 'string',
                        'description': 'Where in the body: a JSON Pointer as a URI fragment.',
                        'pattern': '^#',
                    },
                    'detail': {'type': 'string'},
                },
                'additionalProperties': False,
            },
        },
        'run': {
            'type': 'string',
            'format': 'uri-reference',
            'description': 'The run that is in the way.',
        },
    },
    'additionalProperties': False,
}

_REQUEST_ID_PARAMETER = {
    'name': 'X-Request-Id',
    'in': 'header',
    'description': 'Used as it is when it is 8 to 64 letters, digits, dashes and underscores.',
    'schema': {'type': 'string'},
}
_REQUEST_ID_HEADER = {
    'description': 'The id under which the log says more.',
    'required': True,
    'schema': {'type': 'string', 'pattern': '^[A-Za-z0-9_-]{8,64}$'},
}
RETRY_AFTER = {'description': 'Seconds.', 'schema': {'type': 'integer', 'minimum': 0}}
# Which responses of the components are for which status; the others are only a problem.
ERRORS = {'401': 'Unauthorized', '414': 'TooLong', '503': 'Unavailable'}
_CHALLENGE = {'required': True, 'schema': {'const': 'Bearer'}}
_ANY_ID = {'X-Request-Id': {'$ref': '#/components/headers/RequestId'}}


def _run(summary: str, pattern: str) -> dict[str, Any]:
    return _get(summary, _value(pattern), problems=['502', '503', '504'])


def _get(
    summary: str,
    content: dict[str, Any],
    head: bool = False,
    problems: Sequence[str] = (),
    is_open: bool = False,
) -> dict[str, Any]:
    described = operation(summary, {'200': answer(content)}, problems=problems)
    if is_open:
        described['security'] = []
        for status in ('401', '403'):
            del described['responses'][status]
    return with_head(described) if head else {'get': described}


def operation(
    summary: str,
    answers: Mapping[str, Any],
    parameters: Sequence[Any] = (),
    problems: Sequence[str] = (),
) -> dict[str, Any]:
    """Return an operation that gives one of the answers, or one of the problems."""
    errors = {
        status: {'$ref': f'#/components/responses/{ERRORS.get(status, "Problem")}'}
        for status in ['401', '403', '413', '500', *problems]
    }
    return {
        'summary': summary,
        'parameters': [{'$ref': '#/components/parameters/RequestId'}, *parameters],
        'responses': {**answers, **errors},
    }


def with_head(get: dict[str, Any]) -> dict[str, Any]:
    """Return a path that GET and HEAD are for."""
    return {'get': get, 'head': {**get, 'summary': f'{get["summary"]} Without a body.'}}


def answer(content: Mapping[str, Any], headers: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a response with this content, by media type, and these headers beside the usual."""
    described = {'description': 'The answer.', 'headers': {**_ANY_ID, **(headers or {})}}
    return {**described, 'content': content} if content else described


def _value(pattern: str) -> dict[str, Any]:
    return _object('response', {'type': 'string', 'pattern': pattern})


def _status(value: str) -> dict[str, Any]:
    return _object('status', {'const': value})


def _object(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        'application/json': {
            'schema': {
                'type': 'object',
                'required': [name],
                'properties': {name: schema},
                'additionalProperties': False,
            }
        }
    }


def _problem_response(headers: dict[str, Any]) -> dict[str, Any]:
    schema = {'$ref': '#/components/schemas/Problem'}
    return {
        'description': 'An error.',
        'headers': {**_ANY_ID, **headers},
        'content': {'application/problem+json': {'schema': schema}},
    }
