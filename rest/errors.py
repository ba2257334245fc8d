"""Which error of the platform is which status."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import falcon

from stacks.errors import (
    ChangedError,
    ConflictError,
    Flaw,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    PlatformError,
    UnavailableError,
)
from web import problems
from web.problems import Problem

TYPES = '/docs/errors#'
KINDS: dict[type[PlatformError], tuple[HTTPStatus, str]] = {
    NotFoundError: (HTTPStatus.NOT_FOUND, 'not-found'),
    ForbiddenError: (HTTPStatus.FORBIDDEN, 'forbidden'),
    ChangedError: (HTTPStatus.PRECONDITION_FAILED, 'changed'),
    UnavailableError: (HTTPStatus.SERVICE_UNAVAILABLE, 'unavailable'),
}
BODIES = ('POST', 'PATCH')
# Conflicts that no waiting resolves: the request itself is wrong.
UNPROCESSABLE = {'key-reused'}


def install(app: falcon.App[Any, Any]) -> None:
    """Make `app` answer the platform's errors as problems."""
    app.add_error_handler(PlatformError, _on_platform_error)


def _on_platform_error(
    req: falcon.Request, resp: falcon.Response, error: PlatformError, params: dict[str, Any]
) -> None:
    if isinstance(error, ConflictError):
        problem = _conflict(error)
    elif isinstance(error, InvalidError):
        problem = invalid(error.flaws, has_body=req.method in BODIES)
    else:
        problem = _other(error)
    problems.answer(req, resp, problem, params)


def invalid(flaws: Sequence[Flaw], has_body: bool) -> Problem:
    """Return what a client gets to know of values that cannot be used.

    has_body: whether they are in the body, where pointers lead to them; else in the query.
    """
    detail = '; '.join(f'{flaw.pointer[1:]} {flaw.detail}'.strip() for flaw in flaws)
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f'{detail}.',
        type=f'{TYPES}invalid',
        errors=[(f'#{flaw.pointer}', flaw.detail) for flaw in flaws if has_body],
    )


def _conflict(error: ConflictError) -> Problem:
    is_wrong = error.kind in UNPROCESSABLE
    status = HTTPStatus.UNPROCESSABLE_ENTITY if is_wrong else HTTPStatus.CONFLICT
    run = f'/v1/runs/{error.run}' if error.run else None
    return Problem(status, str(error), type=TYPES + error.kind, run=run)


def _other(error: PlatformError) -> Problem:
    status, kind = KINDS[type(error)]
    headers = {}
    if isinstance(error, UnavailableError):
        headers['Retry-After'] = str(error.retry_after)
    return Problem(status, str(error), type=TYPES + kind, headers=headers)
