"""The service's own description (OpenAPI 3.1), kept by hand and tested against the routes."""

from __future__ import annotations

from typing import Any


def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
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
            '/healthz': _get('Whether the process lives.', _status('ok'), head=True),
            '/readyz': _get(
                'Whether a run could succeed.', _status('ready'), head=True, problems=['503']
            ),
            '/metrics': _get('Figures for Prometheus.', {'text/plain': {}}),
            '/openapi.json': _get('This document.', {'application/json': {}}),
        },
        'components': {
            'schemas': {'Problem': PROBLEM},
            'responses': {'Problem': _problem_response()},
            'securitySchemes': {'token': {'type': 'http', 'scheme': 'bearer'}},
        },
        # The token is needed where the service was started with one.
        'security': [{}, {'token': []}],
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
    },
    'additionalProperties': False,
}


def _run(summary: str, pattern: str) -> dict[str, Any]:
    return _get(summary, _value(pattern), problems=['502', '503', '504'])


def _get(
    summary: str, content: dict[str, Any], head: bool = False, problems: list[str] | None = None
) -> dict[str, Any]:
    errors = {
        status: {'$ref': '#/components/responses/Problem'}
        for status in ['401', '403', '500', *(problems or [])]
    }
    operation = {'summary': summary, 'responses': {'200': _response(content), **errors}}
    if not head:
        return {'get': operation}
    return {'get': operation, 'head': {**operation, 'summary': f'{summary} Without a body.'}}


def _response(content: dict[str, Any]) -> dict[str, Any]:
    return {'description': 'The answer.', 'content': content}


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


def _problem_response() -> dict[str, Any]:
    schema = {'$ref': '#/components/schemas/Problem'}
    return {
        'description': 'An error.',
        'content': {'application/problem+json': {'schema': schema}},
    }
