"""The one shape of every error answer."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any


def assert_problem(status: int, headers: Mapping[str, str], body: Any, expected: int) -> None:
    """Assert that an answer is an error of the service's one shape, and tells no secrets."""
    assert status == expected
    assert headers['content-type'] == 'application/problem+json'
    assert headers['cache-control'] == 'no-store'
    optional = {'detail', 'type', 'errors', 'run'}
    assert set(body) - optional == {'title', 'status', 'request_id'}
    assert body['status'] == expected
    assert body['title'] == HTTPStatus(expected).phrase
    assert body['request_id'] == headers['x-request-id']
    for inner in ('Traceback', '/work', '/tmp', 'stderr'):
        assert inner not in str(body)
