"""Where the resources of `/v1` are, and what its errors link to."""

from __future__ import annotations

from typing import Any

import falcon

from rest import errors, kinds
from rest.migrations import Migrations, OneMigration
from rest.programs import OneProgram, Programs
from rest.runs import OneRun, Runs, RunsOfStack
from rest.sites import OneSite, Sites
from rest.stacks import OneStack, Stacks
from rest.triggers import Check, Events, Hook, Test
from stacks.platform import Platform
from triggers.triggers import Triggers
from web import hooks


def mount(app: falcon.App[Any, Any], platform: Platform, triggers: Triggers) -> None:
    """Serve the platform below `/v1` of `app`."""
    errors.install(app)
    one_stack, one_run = OneStack(platform), OneRun(platform)
    app.add_route('/v1/programs', Programs(platform))
    app.add_route('/v1/programs/{name}', OneProgram(platform))
    app.add_route('/v1/stacks', Stacks(platform))
    app.add_route('/v1/stacks/{name}', one_stack)
    app.add_route('/v1/stacks/{name}/outputs', one_stack, suffix='outputs')
    app.add_route('/v1/stacks/{name}/resources', one_stack, suffix='resources')
    app.add_route('/v1/stacks/{name}/reveal', one_stack, suffix='reveal')
    app.add_route('/v1/stacks/{name}/runs', RunsOfStack(platform))
    app.add_route('/v1/runs', Runs(platform))
    app.add_route('/v1/runs/{id}', one_run)
    app.add_route('/v1/runs/{id}/cancel', one_run, suffix='cancel')
    app.add_route('/v1/runs/{id}/log', one_run, suffix='log')
    one_migration = OneMigration(platform)
    app.add_route('/v1/migrations', Migrations(platform))
    app.add_route('/v1/migrations/{id}', one_migration)
    for each in ('run', 'cancel', 'resume'):
        app.add_route(f'/v1/migrations/{{id}}/{each}', one_migration, suffix=each)
    app.add_route(f'{hooks.PATH}/{{source}}', Hook(triggers))
    app.add_route('/v1/triggers/events', Events(triggers))
    app.add_route('/v1/triggers/check', Check(triggers))
    app.add_route('/v1/triggers/test', Test(triggers))
    app.add_route('/sites', Sites(platform))
    app.add_route('/sites/{id}', OneSite(platform))
    app.add_route(kinds.PATH, kinds.Page())
