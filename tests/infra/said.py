"""Records as the service says them."""

from __future__ import annotations

from typing import Any

RUN_ID = 'run_1'


def program(**more: Any) -> dict[str, Any]:
    """Return a program with an input of each type."""
    properties = {
        'names': {'type': 'array', 'items': {'type': 'string'}, 'description': 'Which'},
        'size': {'type': 'integer', 'default': 3},
        'big': {'type': 'boolean', 'default': False},
        'tags': {'type': 'object', 'default': {}},
        'text': {'type': 'string', 'default': 'hello', 'enum': ['hello', 'bye']},
        'token': {'type': 'string', 'writeOnly': True},
    }
    return {
        'name': 'files',
        'title': 'Files',
        'description': 'Some files',
        'category': 'Tests',
        'available': True,
        'reason': None,
        'inputs': {'type': 'object', 'properties': properties, 'required': ['names', 'token']},
        **more,
    }


def stack(**more: Any) -> dict[str, Any]:
    """Return a stack that is ready."""
    return {
        'name': 'web',
        'program': 'files',
        'state': 'ready',
        'description': '',
        'inputs': {'text': 'hello', 'token': '[secret]'},
        'outputs': {'url': 'http://web', 'ports': [80, 443], 'token': '[secret]'},
        'owner': 'anna',
        'created_at': '2030-01-01T12:00:00.000Z',
        'expires_at': None,
        'protected': False,
        'drift': None,
        'last_run': RUN_ID,
        'version': 7,
        **more,
    }


def run(**more: Any) -> dict[str, Any]:
    """Return an update that has succeeded."""
    return {
        'id': RUN_ID,
        'stack': 'web',
        'program': 'files',
        'operation': 'update',
        'state': 'succeeded',
        'error': None,
        'changes': {'create': 2},
        'resources': [resource('a'), resource('b')],
        'inputs': {},
        'caller': 'anna',
        'reason': '',
        'accept': False,
        'preview': None,
        'digest': '',
        'attempts': 1,
        'cancel_requested': False,
        'created_at': '2030-01-01T12:00:00.000Z',
        'started_at': '2030-01-01T12:00:01.000Z',
        'ended_at': '2030-01-01T12:00:02.500Z',
        **more,
    }


def running(**more: Any) -> dict[str, Any]:
    """Return an update that goes on."""
    return run(**{'state': 'running', 'ended_at': None, 'resources': [], 'changes': {}, **more})


def failed(**more: Any) -> dict[str, Any]:
    """Return an update that has failed."""
    error = {'message': 'there is no room', 'resource': 'a', 'detail': None}
    return run(**{'state': 'failed', 'error': error, **more})


def resource(name: str, operation: str = 'create', **more: Any) -> dict[str, Any]:
    """Return a resource that is done."""
    return {
        'name': name,
        'type': 'tests:index/file:File',
        'operation': operation,
        'state': 'done',
        'seconds': 0.25,
        'differences': [],
        **more,
    }


def part(text: str, offset: int = 0, **more: Any) -> dict[str, Any]:
    """Return the last part of a log."""
    return {
        'offset': offset,
        'next': offset + len(text.encode()),
        'text': text,
        'complete': True,
        'state': 'succeeded',
        'resources_done': 2,
        **more,
    }


def page(*items: dict[str, Any], next: str | None = None) -> dict[str, Any]:
    """Return a page of a list."""
    return {'items': list(items), 'next': next}
