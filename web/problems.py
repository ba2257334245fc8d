"""Every error that leaves the service: one JSON shape (RFC 9457), decided in one place."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import falcon

from basic_pulumi import (
    BusyError,
    DeadlineError,
    EngineUnavailableError,
    ProgramFailedError,
    ProvisioningError,
)

logger = logging.getLogger(__name__)

# What a client may know of each error; the rest is in the log under the request's id.
STATUS: dict[type[ProvisioningError], tuple[HTTPStatus, str]] = {
    ProgramFailedError: (HTTPStatus.BAD_GATEWAY, 'The program failed.'),
    EngineUnavailableError: (
        HTTPStatus.SERVICE_UNAVAILABLE,
        'The engine is missing or not set up rightly; the log of the service says more.',
    ),
    BusyError: (HTTPStatus.SERVICE_UNAVAILABLE, 'No slot became free in time; try again later.'),
    DeadlineError: (HTTPStatus.GATEWAY_TIMEOUT, 'The run took longer than it may.'),
}


class Problem(falcon.HTTPError):
    """An error that says more than its status and a detail (RFC 9457, section 3.2).

    errors: where in the request something is wrong, as the fragment of a JSON Pointer such as
        `#/inputs/size`, and what.
    type: a reference to what is to be read about this kind of error.
    run: a reference to the run that is in the way.
    """

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        errors: Iterable[tuple[str, str]] = (),
        type: str | None = None,
        run: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, description=detail, headers=dict(headers or {}))
        wrong = [{'pointer': pointer, 'detail': what} for pointer, what in errors]
        members = {'type': type, 'errors': wrong, 'run': run}
        self.members = {name: value for name, value in members.items() if value}


def install(app: falcon.App[Any, Any]) -> None:
    """Make `app` answer every error as application/problem+json.

    Where `req.context.error_page` is set, it is called instead, with request, response, and the
    members of the problem.
    """
    app.add_error_handler(Exception, _on_defect)
    app.add_error_handler(ProvisioningError, _on_provisioning_error)
    app.add_error_handler(falcon.HTTPError, answer)
    # The last to be added is the first to see an answer: what logs it sees how it ended.
    app.add_middleware(_Rendering())


class _Rendering:
    """Renders answers where an error in it still is one: later, Falcon sends no body at all."""

    def process_response(
        self, req: falcon.Request, resp: falcon.Response, resource: object, succeeded: bool
    ) -> None:
        if resp.media is not None:
            resp.render_body()


def _on_provisioning_error(
    req: falcon.Request, resp: falcon.Response, error: ProvisioningError, params: dict[str, Any]
) -> None:
    # Where a full queue was met says nothing, and under load it would be said all the time.
    is_failure = not isinstance(error, BusyError)
    level = logging.ERROR if is_failure else logging.WARNING
    logger.log(level, '%s: %s', type(error).__name__, error, exc_info=error if is_failure else None)
    status, detail = STATUS[type(error)]
    _problem(req, resp, status, detail)
    if isinstance(error, BusyError):
        resp.retry_after = str(error.retry_after)


def _on_defect(
    req: falcon.Request, resp: falcon.Response, error: Exception, params: dict[str, Any]
) -> None:
    logger.error('unexpected %s', type(error).__name__, exc_info=error)
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    _problem(req, resp, status, 'The service has a defect; its log says more.')


def answer(
    req: falcon.Request, resp: falcon.Response, error: falcon.HTTPError, params: dict[str, Any]
) -> None:
    """Answer with an error; what Falcon takes as a handler of errors."""
    resp.set_headers(error.headers or {})
    members = error.members if isinstance(error, Problem) else {}
    _problem(req, resp, HTTPStatus(error.status_code), error.description, members)


def _problem(
    req: falcon.Request,
    resp: falcon.Response,
    status: HTTPStatus,
    detail: str | None,
    members: Mapping[str, Any] | None = None,
) -> None:
    problem = {'title': status.phrase, 'status': status.value}
    if detail:
        problem['detail'] = detail
    problem |= {**(members or {}), 'request_id': req.context.request_id}
    resp.status = falcon.code_to_http_status(status.value)
    resp.cache_control = ['no-store']
    if page := req.context.get('error_page'):
        page(req, resp, problem)
        return
    resp.content_type = 'application/problem+json'
    resp.text = json.dumps(problem)
