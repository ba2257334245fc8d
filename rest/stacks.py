"""`/v1/stacks`: the stacks that last."""

from __future__ import annotations

from http import HTTPStatus

import falcon

from rest import answers, parameters, reading, schemas
from stacks.platform import Platform
from stacks.records import DESTROY
from stacks.requests import NewRun, NewStack, StackFilter


class Stacks:
    """All stacks of a caller."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        given = parameters.read(req, parameters.STACKS)
        limit, cursor = given.pop('limit'), given.pop('cursor')
        found = self._platform.stacks(reading.caller(req), StackFilter(**given), limit, cursor)
        answers.page(req, resp, found, answers.shown)

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        caller = reading.caller(req)
        parameters.read(req, parameters.NONE)
        body = reading.body(req, schemas.NEW_STACK)
        request = NewStack(**{'inputs': {}, **body}, key=reading.key(req, body))
        answers.run(req, resp, self._platform, self._platform.create(caller, request))


class OneStack:
    """One stack."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def on_get(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        parameters.read(req, parameters.NONE)
        found = self._platform.stack(reading.caller(req), name)
        answers.stack(resp, found)
        if reading.knows(req, found.version):
            resp.status = HTTPStatus.NOT_MODIFIED
            resp.media = None

    on_head = on_get

    def on_patch(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        caller = reading.caller(req)
        parameters.read(req, parameters.NONE)
        changes = reading.body(req, schemas.STACK_CHANGES, reading.MERGE_PATCH)
        version = expected_version(self._platform, req, name)
        answers.stack(resp, self._platform.change(caller, name, changes, version))

    def on_delete(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        caller = reading.caller(req)
        given = parameters.read(req, parameters.DELETION)
        key = reading.key(req)
        version = expected_version(self._platform, req, name)
        if not given['destroy']:
            self._platform.forget(caller, name, version)
            resp.status = HTTPStatus.NO_CONTENT
            return
        request = NewRun(DESTROY, queue=given['queue'], version=version, key=key)
        answers.run(req, resp, self._platform, self._platform.start(caller, name, request))

    def on_get_outputs(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        parameters.read(req, parameters.NONE)
        resp.media = self._platform.stack(reading.caller(req), name).outputs

    on_head_outputs = on_get_outputs

    def on_get_resources(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        parameters.read(req, parameters.NONE)
        resp.media = {'items': self._platform.resources(reading.caller(req), name)}

    on_head_resources = on_get_resources

    def on_post_reveal(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        caller = reading.caller(req)
        output = parameters.read(req, parameters.REVEAL)['output']
        resp.media = {'value': self._platform.reveal(caller, name, output)}
        resp.cache_control = ['no-store']


def expected_version(platform: Platform, req: falcon.Request, name: str) -> int | None:
    """Return the version that the request wants the stack to have; None: whichever."""
    caller = reading.caller(req)
    return reading.expected_version(req, lambda: platform.stack(caller, name).version)
