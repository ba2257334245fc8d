"""Where the pages are, and who may look at them."""

from __future__ import annotations

from typing import Any

import falcon

from portal import paths, rendering
from portal.pages.catalogue import Catalogue
from portal.pages.forms import EditForm, NewStackForm
from portal.pages.runs import OneRun, Runs
from portal.pages.session import Login, Logout
from portal.pages.stacks import Destroy, OneStack, Stacks
from portal.pages.triggers import Triggers as TriggersPage
from stacks.platform import Platform
from triggers.triggers import Triggers
from web.pages import PAGES
from web.tokens import Tokens


def mount(
    app: falcon.App[Any, Any], platform: Platform, triggers: Triggers, tokens: Tokens
) -> None:
    """Serve the pages below `/portal` of `app`."""
    one_stack, one_run, runs = OneStack(platform), OneRun(platform), Runs(platform)
    stack = f'{paths.STACKS}/{{name}}'
    run = f'{paths.RUNS}/{{id}}'
    app.add_route(PAGES, Catalogue(platform))
    app.add_route(f'{PAGES}/programs/{{name}}/new', NewStackForm(platform))
    app.add_route(paths.STACKS, Stacks(platform))
    app.add_route(stack, one_stack)
    app.add_route(f'{stack}/edit', EditForm(platform))
    app.add_route(f'{stack}/history', runs, suffix='stack')
    app.add_route(f'{stack}/resources', one_stack, suffix='resources')
    app.add_route(f'{stack}/reveal', one_stack, suffix='reveal')
    app.add_route(f'{stack}/runs', one_stack, suffix='runs')
    app.add_route(f'{stack}/change', one_stack, suffix='change')
    app.add_route(f'{stack}/destroy', Destroy(platform))
    app.add_route(paths.RUNS, runs)
    app.add_route(run, one_run)
    app.add_route(f'{run}/live', one_run, suffix='live')
    app.add_route(f'{run}/log', one_run, suffix='log')
    app.add_route(f'{run}/cancel', one_run, suffix='cancel')
    app.add_route(paths.TRIGGERS, TriggersPage(triggers))
    app.add_route(paths.LOGIN, Login(tokens, platform.sessions))
    app.add_route(f'{PAGES}/logout', Logout(platform.sessions))
    app.add_route(f'{paths.STATIC}{{name}}', rendering.STATIC)
