"""Which error of the platform is of which kind, and so of which status."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import falcon

from rest.kinds import KINDS, link
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
from triggers.errors import CallError, ForgedError, UnknownSourceError
from web import problems
from web.problems import Problem

KIND_OF: dict[type[PlatformError], str] = {
    NotFoundError: 'not-found',
    ForbiddenError: 'forbidden',
    ChangedError: 'changed',
    UnavailableError: 'unavailable',
}
BODIES = ('POST', 'PUT', 'PATCH')


def install(app: falcon.App[Any, Any]) -> None:
    """Make `app` answer the platform's errors as problems."""
    app.add_error_handler(PlatformError, _on_platform_error)
    app.add_error_handler(CallError, _on_call_error)


def _on_platform_error(
    req: falcon.Request, resp: falcon.Response, error: PlatformError, params: dict[str, Any]
) -> None:
    if isinstance(error, ConflictError):
        run = f'/v1/runs/{error.run}' if error.run else None
        problem = of_kind(error.kind, str(error), run=run)
    elif isinstance(error, InvalidError):
        problem = invalid(error.flaws, has_body=req.method in BODIES)
    else:
        problem = of_kind(KIND_OF[type(error)], str(error), headers=_headers(error))
    problems.answer(req, resp, problem, params)


def _on_call_error(
    req: falcon.Request, resp: falcon.Response, error: CallError, params: dict[str, Any]
) -> None:
    if isinstance(error, UnknownSourceError):
        problem = of_kind('not-found', str(error))
    elif isinstance(error, ForgedError):
        problem = of_kind('forged', str(error))
    else:
        problem = invalid([Flaw('', str(error))], has_body=False)
    problems.answer(req, resp, problem, params)


def of_kind(kind: str, detail: str, **more: Any) -> Problem:
    """Return a problem with the status of its kind, and a link to what there is to know of it."""
    return Problem(KINDS[kind].status, detail, type=link(kind), **more)


def invalid(flaws: Sequence[Flaw], has_body: bool) -> Problem:
    """Return what a client gets to know of values that cannot be used.

    has_body: whether they are in the body, where pointers lead to them; else in the query.
    """
    detail = '; '.join(f'{flaw.pointer[1:]} {flaw.detail}'.strip() for flaw in flaws)
    errors = [(f'#{flaw.pointer}', flaw.detail) for flaw in flaws if has_body]
    return of_kind('invalid', f'{detail}.', errors=errors)


def _headers(error: PlatformError) -> dict[str, str]:
    if isinstance(error, UnavailableError):
        return {'Retry-After': str(error.retry_after)}
    return {}
