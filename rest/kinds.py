"""The kinds of error of `/v1`, and the page that the `type` of each one leads to."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from http import HTTPStatus

import falcon

PATH = '/docs/errors'


@dataclass(frozen=True)
class Kind:
    """What errors of one kind have in common.

    about: what they are about, in words that are also in docs/rest.md.
    """

    status: HTTPStatus
    about: str


KINDS = {
    'invalid': Kind(HTTPStatus.UNPROCESSABLE_ENTITY, 'values cannot be used; correct them'),
    'key-reused': Kind(
        HTTPStatus.UNPROCESSABLE_ENTITY, 'the `Idempotency-Key` was used for another request'
    ),
    'not-found': Kind(
        HTTPStatus.NOT_FOUND,
        'there is no such program, stack, run, migration or source, or it is not for you',
    ),
    'forged': Kind(
        HTTPStatus.UNAUTHORIZED, 'the call is not signed as its source signs, or too long ago'
    ),
    'forbidden': Kind(HTTPStatus.FORBIDDEN, 'your role or your programs do not allow it'),
    'name-taken': Kind(HTTPStatus.CONFLICT, 'there is a stack of this name'),
    'queue-full': Kind(HTTPStatus.CONFLICT, 'as many runs wait for this stack as may wait'),
    'quota-reached': Kind(HTTPStatus.CONFLICT, 'there are as many stacks as there may be'),
    'run-in-progress': Kind(
        HTTPStatus.CONFLICT, 'another run is on, see `run`; wait for it, or queue'
    ),
    'run-ended': Kind(HTTPStatus.CONFLICT, 'the run has ended, so that nothing can be cancelled'),
    'protected': Kind(HTTPStatus.CONFLICT, 'the stack is protected'),
    'preview-outdated': Kind(
        HTTPStatus.CONFLICT, 'the stack or its program has changed since the preview'
    ),
    'wrong-state': Kind(
        HTTPStatus.CONFLICT, 'the migration is not at the point where this can be done'
    ),
    'changed': Kind(
        HTTPStatus.PRECONDITION_FAILED, 'the stack has another version than `If-Match` names'
    ),
    'beyond-end': Kind(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, 'the log is not that long'),
    'unavailable': Kind(
        HTTPStatus.SERVICE_UNAVAILABLE,
        'the platform cannot answer now; `Retry-After` says when to try again',
    ),
}


def link(kind: str) -> str:
    """Return where a kind is described: what is the `type` of a problem (RFC 9457)."""
    return f'{PATH}#{kind}'


class Page:
    """All kinds, each where its link leads to."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.content_type = falcon.MEDIA_HTML
        resp.text = page()


def page() -> str:
    """Return the page, as HTML."""
    entries = ''.join(
        f'<dt id="{name}"><code>{name}</code>, {kind.status.value}</dt>\n'
        f'<dd>{escape(kind.about)}</dd>\n'
        for name, kind in KINDS.items()
    )
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f'<title>Errors of /v1</title>\n<h1>Errors of /v1</h1>\n<dl>\n{entries}</dl>\n</html>\n'
    )
