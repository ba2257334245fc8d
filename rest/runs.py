"""`/v1/runs`, and the runs of a stack."""

from __future__ import annotations

from http import HTTPStatus

import falcon

from rest import answers, parameters, reading, schemas
from rest.errors import of_kind
from rest.stacks import expected_version
from stacks.errors import InvalidError
from stacks.platform import Platform
from stacks.records import LogPart
from stacks.requests import NewRun, RunFilter

LOG_LIMIT = 32 * 1024


class RunsOfStack:
    """What was done with a stack."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def on_get(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        caller = reading.caller(req)
        given = parameters.read(req, parameters.HISTORY)
        limit, cursor = given.pop('limit'), given.pop('cursor')
        # A stack that is not there is no stack without runs.
        where = RunFilter(self._platform.stack(caller, name).name, **given, is_kept=True)
        answers.page(req, resp, self._platform.runs(caller, where, limit, cursor), answers.outlined)

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        caller = reading.caller(req)
        parameters.read(req, parameters.NONE)
        body = reading.body(req, schemas.NEW_RUN)
        key = reading.key(req, body)
        version = expected_version(self._platform, req, name)
        request = NewRun(**body, version=version, key=key)
        answers.run(req, resp, self._platform, self._platform.start(caller, name, request))


class Runs:
    """The runs of all stacks."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        given = parameters.read(req, parameters.RUNS)
        limit, cursor = given.pop('limit'), given.pop('cursor')
        found = self._platform.runs(reading.caller(req), RunFilter(**given), limit, cursor)
        answers.page(req, resp, found, answers.outlined)

    on_head = on_get


class OneRun:
    """One run."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def on_get(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        parameters.read(req, parameters.NONE)
        resp.media = answers.shown(self._platform.run(reading.caller(req), id))

    on_head = on_get

    def on_post_cancel(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        caller = reading.caller(req)
        parameters.read(req, parameters.NONE)
        resp.media = answers.shown(self._platform.cancel(caller, id))
        resp.status = HTTPStatus.ACCEPTED

    def on_get_log(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        offset = parameters.read(req, parameters.LOG)['offset']
        resp.cache_control = ['no-store']
        try:
            part = self._platform.log(reading.caller(req), id, offset, LOG_LIMIT)
        except InvalidError as error:
            raise of_kind('beyond-end', 'The log is not that long.') from error
        _answer_log(req, resp, part)

    on_head_log = on_get_log


def _answer_log(req: falcon.Request, resp: falcon.Response, part: LogPart) -> None:
    kinds = (falcon.MEDIA_JSON, falcon.MEDIA_TEXT)
    if req.client_prefers(kinds) != falcon.MEDIA_TEXT:
        resp.media = answers.shown(part)
        return
    resp.text = part.text
    resp.content_type = falcon.MEDIA_TEXT
    resp.set_header('Log-Next', str(part.next))
    resp.set_header('Log-Complete', 'true' if part.complete else 'false')
