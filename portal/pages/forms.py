"""The forms of a new stack, and of other inputs of one that is there."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

import falcon

import durations
from portal import fields, rendering
from portal.fields import Field, Option
from portal.pages import asking
from portal.pages.stacks import begin
from portal.views import FormPage
from stacks import permissions
from stacks.errors import (
    ChangedError,
    ConflictError,
    Flaw,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)
from stacks.moments import aware, now
from stacks.platform import Platform
from stacks.programs import Program
from stacks.records import PREVIEW, TAKES_INPUTS, UPDATE, Caller, Stack
from stacks.requests import NewRun, NewStack

TTLS = (('1h', '1 hour'), ('8h', '8 hours'), ('3d', '3 days'), ('30d', '30 days'))
NAME_HINT = 'Lower-case letters, digits and dashes; at most 60.'
NOTHING: dict[str, Any] = {}
# What is wrong with the whole of an order, and not with what was typed.
OBSTACLES = (ConflictError, ChangedError)


class Wrong(NamedTuple):
    """What is wrong with a form: with values in it, or with all of it."""

    flaws: Sequence[Flaw] = ()
    obstacle: str = ''


class Edited(NamedTuple):
    """A stack whose inputs a form changes, and the inputs that it begins with.

    like: the id of the run that these are of; empty: they are the stack's own.
    """

    stack: Stack
    program: Program
    values: Mapping[str, Any]
    like: str = ''


class NewStackForm:
    """A program's form."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def on_get(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        program = self._program(asking.caller(req), name)
        self._show(req, resp, program, {'name': [_suggested(program)]}, Wrong())

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        program = self._program(asking.caller(req), name)
        form = asking.form(req)
        request = NewStack(
            program=program.name,
            name=asking.one(form, 'name').strip(),
            inputs=fields.inputs(program, form, NOTHING),
            ttl=asking.one(form, 'ttl') or None,
            description=asking.one(form, 'description').strip(),
            preview=asking.one(form, 'action') != 'create',
        )
        try:
            begin(
                *(self._platform, req, resp),
                lambda caller: self._platform.create(caller, request),
            )
        except InvalidError as error:
            self._show(req, resp, program, form, Wrong(error.flaws))
        except ConflictError as error:
            wrong = Wrong(obstacle=str(error))
            if error.kind == 'name-taken':
                wrong = Wrong([Flaw('/name', 'is taken: choose another one')])
            self._show(req, resp, program, form, wrong)

    def _program(self, caller: Caller, name: str) -> Program:
        program = self._platform.program(caller, name)
        if program.reason:
            raise NotFoundError(f'This program is not available: {program.reason}.')
        if not caller.may('user'):
            raise ForbiddenError('Readers may only look.')
        return program

    def _show(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        program: Program,
        form: asking.Form,
        wrong: Wrong,
    ) -> None:
        about = [
            Field('name', 'Name of the stack', 'text', NAME_HINT, is_required=True),
            Field('description', 'Description', 'text', 'What it is for, if that is to be known.'),
        ]
        inputs = fields.fields(program, NOTHING, is_new=True)
        page = FormPage(
            program=program,
            stack=None,
            about=about,
            inputs=inputs,
            flaws=_filled([*about, *inputs], form, wrong.flaws),
            obstacle=wrong.obstacle,
            ttls=self._ttls(asking.one(form, 'ttl') if 'ttl' in form else None),
            ttl_flaw=next((flaw.detail for flaw in wrong.flaws if flaw.pointer == '/ttl'), ''),
        )
        _answer(req, resp, page)

    def _ttls(self, chosen: str | None) -> list[Option]:
        """Return how long a new stack may last, each with when that ends."""
        usual = self._platform.usual_ttl
        wanted = usual if chosen is None else chosen
        offered = [each for each in TTLS if self._platform.may_last(each[0])]
        if usual and usual not in dict(offered):
            offered = [(usual, usual), *offered]
        found = [
            Option(ttl, f'{label} – until {_until(ttl)}', ttl == wanted) for ttl, label in offered
        ]
        if not usual:
            found.append(Option('', 'For ever, until somebody destroys it', wanted == ''))
        return found


class EditForm:
    """The form of other inputs."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def on_get(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        caller = asking.caller(req)
        edited = self._found(caller, name)
        self._show(req, resp, self._like(caller, edited, asking.query(req, 'inputs')), {}, Wrong())

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        form = asking.form(req)
        caller = asking.caller(req)
        edited = self._like(caller, self._found(caller, name), asking.one(form, 'like'))
        request = NewRun(
            operation=UPDATE if asking.one(form, 'action') == 'update' else PREVIEW,
            inputs=fields.inputs(edited.program, form, edited.values),
            like=edited.like or None,
            version=asking.number(asking.one(form, 'version')),
        )
        try:
            begin(
                *(self._platform, req, resp),
                lambda caller: self._platform.start(caller, name, request),
            )
        except InvalidError as error:
            self._show(req, resp, edited, form, Wrong(error.flaws))
        except OBSTACLES as error:
            self._show(req, resp, edited, form, Wrong(obstacle=str(error)))

    def _found(self, caller: Caller, name: str) -> Edited:
        stack = self._platform.stack(caller, name)
        program = self._platform.catalogue.program(stack.program)
        if not permissions.may_change(caller, stack.owner):
            raise ForbiddenError(f'This stack belongs to {stack.owner}.')
        if program is None or program.reason:
            raise NotFoundError('The program of this stack is not available any more.')
        return Edited(stack, program, stack.inputs)

    def _like(self, caller: Caller, edited: Edited, run_id: str) -> Edited:
        """Return the same with the inputs that a run of the stack went with."""
        if not run_id:
            return edited
        run = self._platform.run(caller, run_id)
        if run.stack != edited.stack.name or run.operation not in TAKES_INPUTS:
            raise NotFoundError('The stack has no run of this id that has inputs.')
        return edited._replace(values=run.inputs, like=run.id)

    def _show(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        edited: Edited,
        form: asking.Form,
        wrong: Wrong,
    ) -> None:
        inputs = fields.fields(edited.program, edited.values, is_new=False)
        page = FormPage(
            program=edited.program,
            stack=edited.stack,
            about=[],
            inputs=inputs,
            flaws=_filled(inputs, form, wrong.flaws),
            obstacle=wrong.obstacle,
            like=edited.like,
        )
        _answer(req, resp, page)


def _filled(found: list[Field], form: asking.Form, flaws: Sequence[Flaw]) -> list[tuple[str, str]]:
    """Have fields show what was typed and what is wrong with it; return the latter."""
    fields.typed(found, form)
    return fields.mark(found, flaws)


def _answer(req: falcon.Request, resp: falcon.Response, page: FormPage) -> None:
    if page.flaws:
        resp.status = HTTPStatus.UNPROCESSABLE_ENTITY
    elif page.obstacle:
        resp.status = HTTPStatus.CONFLICT
    rendering.render(req, resp, 'stacks/form.html', page)


def _suggested(program: Program) -> str:
    """Return a name that is hardly taken."""
    return f'{program.name[:50].rstrip("-")}-{secrets.token_hex(2)}'


def _until(ttl: str) -> str:
    return rendering.moment(aware(now()) + durations.parse(ttl))
