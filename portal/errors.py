"""Errors as pages: what is wrong, and where to go on."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import falcon

from portal import paths, rendering
from portal.views import ErrorPage
from web import pages
from web.pages import PAGES

HEADINGS = {
    HTTPStatus.BAD_REQUEST: 'This request cannot be understood',
    HTTPStatus.UNAUTHORIZED: 'Please sign in',
    HTTPStatus.FORBIDDEN: 'You may not do that',
    HTTPStatus.NOT_FOUND: 'There is nothing here',
    HTTPStatus.METHOD_NOT_ALLOWED: 'There is nothing here',
    HTTPStatus.CONFLICT: 'Not now',
    HTTPStatus.PRECONDITION_FAILED: 'Somebody was faster',
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: 'This is too long',
    HTTPStatus.UNPROCESSABLE_ENTITY: 'Something cannot be used as it is',
    HTTPStatus.TOO_MANY_REQUESTS: 'Too many attempts',
    HTTPStatus.INTERNAL_SERVER_ERROR: 'Something went wrong here',
    HTTPStatus.SERVICE_UNAVAILABLE: 'Please wait a moment',
}
ELSEWHERE = {
    HTTPStatus.NOT_FOUND: 'What was here may be gone: a stack that was destroyed leaves its runs.',
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: 'A form may have 64 KiB. Larger inputs go by the command '
    'line or by the API.',
    HTTPStatus.PRECONDITION_FAILED: 'The stack has changed since you opened that page. Look at it '
    'again, then decide.',
}


class ErrorPages:
    """Has errors of pages be pages, whoever raises them."""

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        if pages.is_page(req.path):
            req.context.error_page = page


def page(req: falcon.Request, resp: falcon.Response, problem: dict[str, Any]) -> None:
    """Answer a problem as a page."""
    status = HTTPStatus(problem['status'])
    run = str(problem.get('run') or '').rpartition('/')[2]
    view = ErrorPage(
        heading=HEADINGS.get(status, problem['title']),
        detail=str(problem.get('detail') or ELSEWHERE.get(status, '')),
        hint=ELSEWHERE.get(status, '') if problem.get('detail') else '',
        status=status.value,
        request_id=str(problem['request_id']),
        retry_after=resp.get_header('Retry-After') or '',
        links=_links(status, run),
    )
    rendering.render(req, resp, 'error.html', view)


def _links(status: HTTPStatus, run: str) -> list[tuple[str, str]]:
    found = [('The run that is in the way', paths.run(run))] if run else []
    if status == HTTPStatus.UNAUTHORIZED:
        return [('Sign in', paths.LOGIN)]
    return [*found, ('All stacks', paths.STACKS), ('Catalogue', PAGES)]
