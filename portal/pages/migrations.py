"""Migrations: the list, one of them as it goes on, and what people do with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus

import falcon

from portal import paths, rendering
from portal.migration_views import (
    AbandonPage,
    LiveMigration,
    MigrationPage,
    MigrationsPage,
    PlannedTablePage,
    PlanPart,
    TablesPage,
)
from portal.pages import asking
from portal.pages.planning import part
from portal.pages.runs import LOG_ON_PAGE, LOG_PART
from stacks.errors import InvalidError, NotFoundError
from stacks.migrating import telling
from stacks.platform import Platform
from stacks.records import ABANDON, MIGRATE, PLAN, SUCCEEDED, Caller, Migration

# Seconds that a form waits for its run: short ones have ended then.
SOON = 1.0
# Tables with their rows, and rows that were left out, on a page that has other things.
MOVED_SHOWN, TABLES_SHOWN = 20, 20
# The same on a page that has not.
MOVED_ALONE, TABLES_ALONE = 100, 60
# Characters of a plan on both.
ROOM, ROOM_ALONE = 9_000, 22_000


class Migrations:
    """All migrations of somebody."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        caller = asking.caller(req)
        cursor = asking.query(req, 'cursor') or None
        found = self._platform.migrations.all(caller, asking.LIMIT, cursor)
        view = MigrationsPage(
            items=found.items,
            can_begin=caller.may('user'),
            next=f'?cursor={found.next}' if found.next else '',
            first=paths.MIGRATIONS if cursor else '',
        )
        rendering.render(req, resp, 'migrations/list.html', view)

    on_head = on_get


class OneMigration:
    """A migration."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def on_get(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        found = self._platform.migrations.one(asking.caller(req), id)
        if found.operation == ABANDON and not found.has_ended:
            # With its end the migration is gone, and the run is not.
            raise falcon.HTTPSeeOther(paths.run(found.run))
        self._show(req, resp, found)

    on_head = on_get

    def on_get_live(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        """What has changed since the page was made, for its script."""
        caller = asking.caller(req)
        found = self._platform.migrations.one(caller, id, is_brief=True)
        view = self._live(caller, found, asking.offset(req, 'log'), LOG_PART)
        rendering.render(req, resp, 'migrations/live.html', view)

    def on_get_plan(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        found = self._planned(req, id)
        told = telling.told(found.plan or {})
        plan = part(told, ROOM_ALONE, TABLES_ALONE, asking.offset(req))
        rendering.render(req, resp, 'migrations/plan.html', {'migration': found, 'plan': plan})

    def on_get_table(self, req: falcon.Request, resp: falcon.Response, id: str, at: int) -> None:
        found = self._planned(req, id)
        tables = telling.told(found.plan or {}).tables
        if at >= len(tables):
            raise NotFoundError('The plan has no such table.')
        view = PlannedTablePage(found, tables[at])
        rendering.render(req, resp, 'migrations/table.html', view)

    def on_get_plan_file(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        """The whole plan, as a file."""
        found = self._planned(req, id)
        resp.content_type = falcon.MEDIA_JSON
        resp.downloadable_as = f'{id}-plan.json'
        resp.text = json.dumps(found.plan, indent=2)

    def on_get_tables(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        found = self._platform.migrations.one(asking.caller(req), id)
        offset = asking.offset(req)
        moved = list(found.moved.items())
        end = offset + MOVED_ALONE
        view = TablesPage(found, moved[offset:end], offset, end if end < len(moved) else 0)
        rendering.render(req, resp, 'migrations/tables.html', view)

    def on_get_rejects(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        """All rows that were left out, as a file."""
        found = self._platform.migrations.rejects(asking.caller(req), id)
        resp.content_type = 'application/jsonl'
        resp.downloadable_as = f'{id}-rejects.jsonl'
        resp.text = ''.join(f'{json.dumps(each)}\n' for each in found)

    def on_post_run(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        asking.form(req)
        self._go_on(req, resp, lambda caller: self._platform.migrations.run(caller, id))

    def on_post_resume(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        text = asking.one(asking.form(req), 'allow_rejects').strip()
        allowed = asking.number(text)
        if text and allowed is None:
            resp.status = HTTPStatus.UNPROCESSABLE_ENTITY
            flaws = [('allow_rejects', 'How many rows may be left out must be a whole number.')]
            found = self._platform.migrations.one(asking.caller(req), id)
            self._show(req, resp, found, flaws)
            return
        self._go_on(
            *(req, resp),
            lambda caller: self._platform.migrations.resume(caller, id, allowed),
        )

    def on_post_cancel(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        asking.form(req)
        caller = asking.caller(req)
        self._platform.cancel(caller, self._platform.migrations.one(caller, id, is_brief=True).run)
        rendering.lead_to(resp, paths.migration(id))

    def _go_on(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        order: Callable[[Caller], Migration],
    ) -> None:
        lead_to(self._platform, req, resp, order(asking.caller(req)))

    def _planned(self, req: falcon.Request, id: str) -> Migration:
        found = self._platform.migrations.one(asking.caller(req), id)
        if found.plan is None:
            raise NotFoundError('This migration has no plan yet.')
        return found

    def _show(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        found: Migration,
        flaws: list[tuple[str, str]] | None = None,
    ) -> None:
        caller = asking.caller(req)
        offset = asking.offset(req, 'log')
        live = self._live(caller, found, offset, LOG_ON_PAGE)
        own = paths.migration(found.id)
        view = MigrationPage(
            live=live,
            plan=_plan(found),
            moved=list(found.moved.items())[:MOVED_SHOWN],
            may_change=caller.may('user'),
            before=own if offset else '',
            after=f'{own}?log={live.log.next}#log',
            flaws=flaws or [],
        )
        rendering.render(req, resp, 'migrations/migration.html', view)

    def _live(self, caller: Caller, found: Migration, offset: int, most: int) -> LiveMigration:
        try:
            _, log = self._platform.watch(caller, found.run, offset, most)
        except InvalidError:
            # Another run of it has begun since the page was made.
            _, log = self._platform.watch(caller, found.run, 0, most)
        return LiveMigration(found, log)


class Abandon:
    """The page that asks whether a migration is to be removed."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def on_get(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        found = self._platform.migrations.one(asking.caller(req), id, is_brief=True)
        has_traces = found.operation != PLAN and not _is_done(found)
        rendering.render(req, resp, 'migrations/abandon.html', AbandonPage(found, has_traces))

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response, id: str) -> None:
        forget = asking.one(asking.form(req), 'forget') == 'on'
        found = self._platform.migrations.abandon(asking.caller(req), id, forget)
        if found is None:
            rendering.lead_to(resp, paths.MIGRATIONS)
            return
        self._platform.wait(asking.caller(req), found.run, SOON)
        rendering.lead_to(resp, paths.run(found.run))


def lead_to(
    platform: Platform, req: falcon.Request, resp: falcon.Response, found: Migration
) -> None:
    """Lead to a migration's page once its run has ended, or will take longer."""
    platform.wait(asking.caller(req), found.run, SOON)
    rendering.lead_to(resp, paths.migration(found.id))


def _is_done(found: Migration) -> bool:
    return (found.operation, found.state) == (MIGRATE, SUCCEEDED)


def _plan(found: Migration) -> PlanPart | None:
    """Return as much of a plan as its migration's page has room for."""
    return None if found.plan is None else part(telling.told(found.plan), ROOM, TABLES_SHOWN)
