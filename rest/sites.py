"""`/sites`: pages for clients of `pulumi_over_http`, an example of Pulumi's Automation API.

Its requests and answers are kept (github.com/pulumi/automation-api-examples); a site is a stack of
the program `static-site`, and also one below `/v1`.
"""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus
from typing import Any

import falcon

from rest import reading, schemas
from rest.errors import of_kind
from rest.parameters import NONE, read
from stacks.errors import ConflictError, Flaw, InvalidError, NotFoundError, PlatformError
from stacks.platform import Platform
from stacks.records import DESTROY, SUCCEEDED, UPDATE, Caller, Run, Stack
from stacks.requests import NewRun, NewStack, StackFilter
from web.problems import Problem

PROGRAM = 'static-site'
OUTPUT = 'website_url'
SCHEME = 'http://'
# Seconds for a whole request; the first of all may have to build the object store.
PATIENCE = 240.0
PATIENCE_TO_REMOVE = 30.0
PAGE = 200
# What a stack is whose create did not succeed.
LEFT_OVER = ('failed', 'incomplete')
# Where what is wrong with a stack is in a site's body.
POINTERS = {'/name': '/id', '/inputs/content': '/content'}


class Sites:
    """All sites of a caller."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        read(req, NONE)
        caller = reading.caller(req)
        found: list[str] = []
        cursor: str | None = None
        while True:
            part = self._platform.stacks(caller, StackFilter(program=PROGRAM), PAGE, cursor)
            found += [stack.name for stack in part.items]
            cursor = part.next
            if cursor is None:
                break
        resp.media = {'ids': sorted(found)}

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        read(req, NONE)
        caller = reading.caller(req)
        body = reading.body(req, schemas.NEW_SITE)
        site = _Site(self._platform, caller, body['id'])
        resp.media = site.create({'content': body['content']})


class OneSite:
    """One site."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def on_get(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        read(req, NONE)
        resp.media = _Site(self._platform, reading.caller(req), id).shown()

    on_head = on_get

    def on_put(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        read(req, NONE)
        caller = reading.caller(req)
        body = reading.body(req, schemas.SITE_CHANGES)
        if body.get('id', id) != id:
            raise InvalidError([Flaw('/id', 'must be the one of the address')])
        resp.media = _Site(self._platform, caller, id).update({'content': body['content']})

    def on_delete(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        read(req, NONE)
        _Site(self._platform, reading.caller(req), id).destroy()
        resp.status = HTTPStatus.OK


class _Site:
    """A site as what it is: a stack, with runs that are waited for."""

    def __init__(self, platform: Platform, caller: Caller, name: str) -> None:
        self._platform = platform
        self._caller = caller
        self._name = name

    def create(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Make it; where that fails, nothing of it stays."""
        try:
            self._done(self._begun(inputs))
        except InvalidError as error:
            raise _of_body(error) from None
        except _FailedError:
            self._remove()
            raise
        return self.shown()

    def update(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Have it show something else."""
        self._stack()
        try:
            self._done(self._started(NewRun(UPDATE, inputs)))
        except InvalidError as error:
            raise _of_body(error) from None
        return self.shown()

    def destroy(self) -> None:
        """Remove it."""
        self._stack()
        self._done(self._started(NewRun(DESTROY)))

    def shown(self) -> dict[str, Any]:
        """Return it as it is answered; without an address as long as it has none."""
        url = str(self._stack().outputs.get(OUTPUT, ''))
        return {'id': self._name, 'url': url.removeprefix(SCHEME)}

    def _stack(self) -> Stack:
        try:
            found = self._platform.stack(self._caller, self._name)
        except NotFoundError:
            found = None
        if found is None or found.program != PROGRAM:
            raise of_kind('not-found', f"stack '{self._name}' does not exist")
        return found

    def _ordered(self, inputs: dict[str, Any]) -> NewStack:
        return NewStack(PROGRAM, self._name, inputs, description='Made by /sites')

    def _begun(self, inputs: dict[str, Any]) -> Run:
        """Return the run that makes it."""
        try:
            return self._platform.create(self._caller, self._ordered(inputs))
        except ConflictError as error:
            if error.kind != 'name-taken':
                raise
            # One that could not be removed after it had failed must not be in the way.
            if not self._is_left_over():
                raise self._conflict(error, 'already exists') from None
        return self._started(NewRun(UPDATE, inputs))

    def _started(self, request: NewRun) -> Run:
        try:
            return self._platform.start(self._caller, self._name, request)
        except ConflictError as error:
            if error.kind != 'run-in-progress':
                raise
            raise self._conflict(error, 'already has update in progress') from None

    def _conflict(self, error: ConflictError, what: str) -> Problem:
        run = f'/v1/runs/{error.run}' if error.run else None
        return of_kind(error.kind, f"stack '{self._name}' {what}", run=run)

    def _done(self, run: Run) -> None:
        """Wait until a run has succeeded.

        Raises _FailedError when it has failed, Problem when it has not ended in time.
        """
        ended = self._platform.wait(self._caller, run.id, PATIENCE)
        if not ended.has_ended:
            raise of_kind(
                'unavailable',
                'The service is busy; what was asked for goes on, as the run says.',
                run=f'/v1/runs/{run.id}',
                headers={'Retry-After': '5'},
            )
        if ended.state != SUCCEEDED:
            raise _FailedError(ended)

    def _is_left_over(self) -> bool:
        """Tell whether it is what a create has left that failed, and never was there."""
        try:
            found = self._platform.stack(self._caller, self._name)
        except NotFoundError:  # It is not for this caller to see.
            return False
        return found.program == PROGRAM and found.state in LEFT_OVER and OUTPUT not in found.outputs

    def _remove(self) -> None:
        """Remove what a create has left; what cannot be removed now does not stop the next one."""
        # What the caller is to hear is why it failed.
        with suppress(PlatformError):
            run = self._platform.start(self._caller, self._name, NewRun(DESTROY, queue=True))
            self._platform.wait(self._caller, run.id, PATIENCE_TO_REMOVE)


class _FailedError(Problem):
    """A run of a site has failed; the message is the run's."""

    def __init__(self, run: Run) -> None:
        message = run.error['message'] if run.error else f'The run was {run.state}.'
        super().__init__(HTTPStatus.BAD_GATEWAY, message, run=f'/v1/runs/{run.id}')


def _of_body(error: InvalidError) -> InvalidError:
    """Return what is wrong where the body of a site has it."""
    return InvalidError(
        [Flaw(POINTERS.get(flaw.pointer, flaw.pointer), flaw.detail) for flaw in error.flaws]
    )
