"""Stacks: the list, one of them, and what people do with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

import falcon

from portal import paths, pictures, rendering, words
from portal.fields import Option
from portal.pages import asking, listing
from portal.pages.showing import inputs, outputs
from portal.views import DestroyPage, StackPage, StacksPage
from stacks import permissions
from stacks.errors import Flaw, InvalidError
from stacks.migrating.migrations import OUTPUT
from stacks.moments import aware, now
from stacks.operation.marks import SECRET
from stacks.ordering import insist_on_unprotected
from stacks.platform import Platform
from stacks.records import ACTIVE, DESTROY, PREVIEW, REFRESH, STACK_STATES, UPDATE, Caller, Run
from stacks.requests import NewRun, RunFilter, StackFilter

# Seconds that a form waits for its run: most have ended then.
SOON = 1.0
RECENT_RUNS = 20
RUNS_SHOWN = 10
# Rows of a table on a page that has others, and of one that has not.
ROWS, ROWS_ALONE = 20, 100
EXTENSIONS = (('8h', '8 hours'), ('3d', '3 days'), ('30d', '30 days'))
# Of a form's buttons: a refresh that takes over what it finds.
ACCEPT = 'accept'
BUTTONS = (PREVIEW, UPDATE, REFRESH, ACCEPT)


class Stacks:
    """All stacks, those with problems first."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        caller = asking.caller(req)
        given = {name: asking.query(req, name).strip() for name in ('q', 'state', 'owner')}
        given['state'] = given['state'] if given['state'] in STACK_STATES else ''
        where = {name: value for name, value in given.items() if value}
        owner = caller.name if given['owner'] == 'me' else given['owner']
        offset = asking.offset(req)
        chosen = StackFilter(
            state=given['state'] or None, owner=owner or None, text=given['q'] or None
        )
        found = self._platform.listed(caller, chosen, asking.LIMIT, offset)
        view = StacksPage(
            items=found.items,
            where=where,
            states=listing.options(STACK_STATES, words.STACK_STATES, given['state']),
            next=listing.following(where, found.next, 'from'),
            first=listing.first(where, offset),
        )
        rendering.render(req, resp, 'stacks/list.html', view)

    on_head = on_get


class OneStack:
    """A stack."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def on_get(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        self._show(req, resp, name)

    on_head = on_get

    def on_get_resources(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        caller = asking.caller(req)
        stack = self._platform.stack(caller, name)
        found = self._platform.resources(caller, name)
        offset = asking.offset(req)
        view = {
            'stack': stack,
            'resources': found[offset : offset + ROWS_ALONE],
            'count': len(found),
            'offset': offset,
            'next': offset + ROWS_ALONE if offset + ROWS_ALONE < len(found) else 0,
        }
        rendering.render(req, resp, 'stacks/resources.html', view)

    def on_post_reveal(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        output = asking.one(asking.form(req), 'output')
        value = self._platform.reveal(asking.caller(req), name, output)
        self._show(req, resp, name, (output, value))

    def on_post_runs(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        form = asking.form(req)
        operation = asking.one(form, 'operation')
        if operation not in BUTTONS:
            raise InvalidError([Flaw('/operation', 'is none that this form has')])
        request = NewRun(
            REFRESH if operation == ACCEPT else operation,
            preview=asking.one(form, 'preview') or None,
            like=asking.one(form, 'like') or None,
            accept=operation == ACCEPT,
        )
        begin(self._platform, req, resp, lambda caller: self._platform.start(caller, name, request))

    def on_post_change(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        form = asking.form(req)
        given = asking.one(form, 'ttl')
        changes: dict[str, Any] = {}
        if given:
            changes['ttl'] = None if given == 'never' else given
        if wanted := asking.one(form, 'protected'):
            changes['protected'] = wanted == 'on'
        if 'description' in form:
            changes['description'] = asking.one(form, 'description').strip()
        try:
            self._platform.change(asking.caller(req), name, changes, None)
        except InvalidError as error:
            resp.status = HTTPStatus.UNPROCESSABLE_ENTITY
            flaws = [(flaw.pointer[1:], f'This {flaw.detail}.') for flaw in error.flaws]
            self._show(req, resp, name, flaws=flaws)
            return
        rendering.lead_to(resp, paths.stack(name))

    def _show(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        name: str,
        revealed: tuple[str, Any] | None = None,
        flaws: Sequence[tuple[str, str]] = (),
    ) -> None:
        caller = asking.caller(req)
        stack = self._platform.stack(caller, name)
        where = RunFilter(stack.name, is_kept=True)
        runs = self._platform.runs(caller, where, RECENT_RUNS, None, is_brief=True).items
        resources = self._platform.resources(caller, name)
        program = self._platform.catalogue.program(stack.program)
        view = StackPage(
            stack=stack,
            last=runs[0] if runs else None,
            active=next((run for run in reversed(runs) if run.state in ACTIVE), None),
            program=program,
            outputs=outputs(stack, revealed),
            inputs=inputs(stack, program),
            resources=resources[:ROWS],
            count=len(resources),
            graph=pictures.graph(resources),
            runs=runs[:RUNS_SHOWN],
            has_more_runs=len(runs) > RUNS_SHOWN,
            plot=_plot(runs),
            may_change=permissions.may_change(caller, stack.owner),
            is_database=stack.outputs.get(OUTPUT) == SECRET,
            can_expire_never=stack.expires_at is not None and not self._platform.longest_ttl,
            extensions=self._extensions(),
            flaws=flaws,
        )
        rendering.render(req, resp, 'stacks/stack.html', view)

    def _extensions(self) -> list[Option]:
        return [
            Option(ttl, f'{label} from now', False)
            for ttl, label in EXTENSIONS
            if self._platform.may_last(ttl)
        ]


class Destroy:
    """The page that asks whether a stack is to be destroyed."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def on_get(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        self._show(req, resp, name, [])

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        caller = asking.caller(req)
        stack = self._platform.stack(caller, name)
        if asking.one(asking.form(req), 'confirmed') != stack.name:
            resp.status = HTTPStatus.UNPROCESSABLE_ENTITY
            self._show(req, resp, name, [('confirmed', f'Type {stack.name} as it stands.')])
            return
        request = NewRun(DESTROY, queue=True)
        begin(self._platform, req, resp, lambda caller: self._platform.start(caller, name, request))

    def _show(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        name: str,
        flaws: Sequence[tuple[str, str]],
    ) -> None:
        caller = asking.caller(req)
        stack = self._platform.stack(caller, name)
        permissions.insist_on_owner(caller, stack.owner)
        insist_on_unprotected(stack.protected)
        resources = self._platform.resources(caller, name)
        runs = self._platform.runs(
            caller, RunFilter(stack.name, is_kept=True), 1, None, is_brief=True
        ).items
        view = DestroyPage(
            stack, runs[0] if runs else None, resources[:ROWS], len(resources), flaws
        )
        rendering.render(req, resp, 'stacks/destroy.html', view)


def begin(
    platform: Platform,
    req: falcon.Request,
    resp: falcon.Response,
    order: Callable[[Caller], Run],
) -> None:
    """Have a run begin, and lead to its page; mostly it has ended by then."""
    caller = asking.caller(req)
    run = platform.wait(caller, order(caller).id, SOON)
    rendering.lead_to(resp, paths.run(run.id))


def _plot(runs: Sequence[Run]) -> pictures.Plot:
    found = []
    for run in runs:
        if run.started_at:
            seconds = ((run.ended_at or aware(now())) - run.started_at).total_seconds()
            state = words.RUN_STATES[run.state]
            title = f'{words.operation(run)}, {state.word.lower()}, {pictures.took(seconds)}'
            found.append((seconds, state.tint, title))
    return pictures.plot(found)
