"""`/v1/migrations`: tables on their way from one database to another."""

from __future__ import annotations

from http import HTTPStatus

import falcon

from rest import answers, parameters, reading, schemas
from stacks.platform import Platform
from stacks.requests import End, NewMigration


class Migrations:
    """All migrations of a caller."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        given = parameters.read(req, parameters.MIGRATIONS)
        found = self._platform.migrations.all(reading.caller(req), given['limit'], given['cursor'])
        answers.page(req, resp, found, answers.migration_outlined)

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        caller = reading.caller(req)
        parameters.read(req, parameters.NONE)
        body = reading.body(req, schemas.NEW_MIGRATION)
        key = reading.key(req, body)
        ends = {name: End(**body[name]) for name in ('source', 'target')}
        lists = {
            'tables': tuple(body.get('tables', ())),
            'types': tuple(body.get('types', {}).items()),
        }
        request = NewMigration(**{**body, **ends, **lists}, key=key)
        found = self._platform.migrations.create(caller, request)
        answers.migration(req, resp, self._platform, found)


class OneMigration:
    """One migration."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def on_get(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        parameters.read(req, parameters.NONE)
        resp.media = answers.shown(self._platform.migrations.one(reading.caller(req), id))

    on_head = on_get

    def on_get_rejects(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        parameters.read(req, parameters.NONE)
        found = self._platform.migrations.rejects(reading.caller(req), id)
        answers.lines(resp, found, f'{id}-rejects.jsonl')

    on_head_rejects = on_get_rejects

    def on_delete(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        caller = reading.caller(req)
        forget = parameters.read(req, parameters.ABANDONMENT)['forget']
        found = self._platform.migrations.abandon(caller, id, forget, reading.key(req))
        if found is None:
            resp.status = HTTPStatus.NO_CONTENT
            return
        answers.migration(req, resp, self._platform, found)

    def on_post_run(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        caller = reading.caller(req)
        parameters.read(req, parameters.NONE)
        found = self._platform.migrations.run(caller, id, reading.key(req))
        answers.migration(req, resp, self._platform, found)

    def on_post_cancel(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        caller = reading.caller(req)
        parameters.read(req, parameters.NONE)
        self._platform.cancel(caller, self._platform.migrations.one(caller, id).run)
        resp.media = answers.shown(self._platform.migrations.one(caller, id))
        resp.status = HTTPStatus.ACCEPTED

    def on_post_resume(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        caller = reading.caller(req)
        allowed = parameters.read(req, parameters.RESUMPTION)['allow_rejects']
        found = self._platform.migrations.resume(caller, id, allowed, reading.key(req))
        answers.migration(req, resp, self._platform, found)
