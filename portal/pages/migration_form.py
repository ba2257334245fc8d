"""The form of a new migration: where from, where to, and what; its first run makes a plan."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import falcon

from portal import ends, fields, paths, rendering
from portal.fields import Field, Form, Option
from portal.migration_views import MigrationFormPage
from portal.pages import asking
from portal.pages.migrations import lead_to
from stacks.errors import ConflictError, Flaw, ForbiddenError, InvalidError
from stacks.migrating.migrations import Reachable
from stacks.platform import Platform
from stacks.records import Caller, Migration
from stacks.requests import NewMigration

# A choice of more stacks than these is a name to type.
MOST_OPTIONS = 30
MAKES_DATABASES = 'database'
KEEPS = (
    ('off', 'Refuse: nothing is moved, and they stay as they are'),
    ('on', 'Move them into a backup schema, in the same step'),
)


class NewMigrationForm:
    """The form."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        caller = asking.caller(req)
        if not caller.may('user'):
            raise ForbiddenError('Readers may only look.')
        given: dict[str, list[str]] = {'target-stack': [asking.query(req, 'to')]}
        if like := asking.query(req, 'like'):
            given = _values(self._platform.migrations.one(caller, like, is_brief=True))
        self._show(req, resp, given)

    on_head = on_get

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        form = asking.form(req)
        try:
            request = _request(form)
            found = self._platform.migrations.create(asking.caller(req), request)
        except InvalidError as error:
            resp.status = HTTPStatus.UNPROCESSABLE_ENTITY
            self._show(req, resp, form, [_placed(flaw) for flaw in error.flaws])
        except ConflictError as error:
            resp.status = HTTPStatus.CONFLICT
            self._show(req, resp, form, obstacle=str(error))
        else:
            lead_to(self._platform, req, resp, found)

    def _show(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        form: Form,
        flaws: list[Flaw] | None = None,
        *,
        obstacle: str = '',
    ) -> None:
        caller = asking.caller(req)
        reachable = self._platform.migrations.reachable(caller)
        groups = _fields(reachable)
        found = [each for group in groups for each in group]
        shown = ends.without_passwords(form)
        fields.typed(found, shown)
        view = MigrationFormPage(
            *groups,
            reachable=reachable,
            make_database=self._make_database(caller),
            flaws=fields.mark(found, flaws or []),
            obstacle=obstacle,
        )
        rendering.render(req, resp, 'migrations/form.html', view)

    def _make_database(self, caller: Caller) -> str:
        usable = {each.name for each in self._platform.programs(caller) if not each.reason}
        return paths.new_stack(MAKES_DATABASES) if MAKES_DATABASES in usable else ''


def _fields(reachable: Reachable) -> tuple[list[Field], list[Field], list[Field], list[Field]]:
    """Return the fields of the source, of the target, of what is moved, and of what is rarer."""
    return (
        [
            *_stack('source', 'Source stack', reachable),
            _url('source', 'Source URL', 'Of a SQLite file, PostgreSQL, MariaDB or MySQL.'),
            Field('source-password', 'Source password', 'secret', 'Of the user in the URL.'),
        ],
        [
            *_stack('target', 'Target stack', reachable),
            _url('target', 'Target URL', 'Of a PostgreSQL.'),
            Field('target-password', 'Target password', 'secret', 'Of the user in the URL.'),
        ],
        [
            Field('tables', 'Only these tables', 'lines', 'All of them where none is named.'),
            Field(
                'replace',
                'If the target has tables of these names',
                'radios',
                options=[Option(value, label, value == 'off') for value, label in KEEPS],
                is_required=True,
            ),
            Field(
                'allow_rejects',
                'Rows that may be left out',
                'number',
                'Of values that the target cannot hold. Each is named; one more ends the run.',
                value='0',
            ),
        ],
        [
            Field('schema', 'Schema of the target', 'text', value='public'),
            Field('source_schema', 'Schema of a PostgreSQL source', 'text', value='public'),
            Field(
                'types',
                'Types that you choose',
                'lines',
                'As table.column = type, where the type of the plan does not suit you.',
            ),
            Field(
                'zero_dates_are_null',
                "Make MySQL's dates 0000-00-00 NULL",
                'checkbox',
                value=False,
            ),
        ],
    )


def _url(end: str, label: str, hint: str) -> Field:
    return Field(f'{end}-url', label, 'text', hint, is_required=True)


def _stack(end: str, label: str, reachable: Reachable) -> list[Field]:
    """Return the field of a stack that is a database; none where there are no such stacks."""
    if not reachable.stacks:
        return []
    name, hint = f'{end}-stack', 'One that the program Database has made.'
    if len(reachable.stacks) > MOST_OPTIONS:
        return [Field(name, label, 'text', hint, is_required=True)]
    options = [Option('', 'None, but the URL', True)]
    options += [Option(each, each, False) for each in reachable.stacks]
    return [Field(name, label, 'select', hint, options=options, is_required=True)]


def _request(form: Form) -> NewMigration:
    """Return what a form asks for; raises InvalidError."""
    types, flaws = _types(asking.one(form, 'types'))
    text = asking.one(form, 'allow_rejects').strip() or '0'
    allowed = asking.number(text)
    if allowed is None:
        flaws.append(Flaw('/allow_rejects', 'must be a whole number'))
    if flaws:
        raise InvalidError(flaws)
    return NewMigration(
        source=ends.end(form, 'source'),
        target=ends.end(form, 'target'),
        tables=tuple(_lines(asking.one(form, 'tables'))),
        schema=asking.one(form, 'schema').strip() or 'public',
        source_schema=asking.one(form, 'source_schema').strip() or 'public',
        types=types,
        zero_dates_are_null=asking.one(form, 'zero_dates_are_null') == 'on',
        replace=asking.one(form, 'replace') == 'on',
        allow_rejects=allowed or 0,
        plan=True,
    )


def _types(text: str) -> tuple[tuple[tuple[str, str], ...], list[Flaw]]:
    pairs = [[part.strip() for part in line.rpartition('=')] for line in _lines(text)]
    if not all(name and kind for name, _, kind in pairs):
        return (), [Flaw('/types', 'must be lines as shop.price = numeric(10,2)')]
    return tuple((name, kind) for name, _, kind in pairs), []


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.split('\n') if line.strip()]


def _placed(flaw: Flaw) -> Flaw:
    """Return a flaw of a migration as one of the field that it is of."""
    _, first, *rest = flaw.pointer.split('/')
    if first in ('source', 'target'):
        if not rest:
            return Flaw(f'/{first}-url', 'or a stack: give one of the two, and not both')
        return Flaw(f'/{first}-{rest[0]}', flaw.detail)
    return Flaw(f'/{first}', flaw.detail)


def _values(found: Migration) -> dict[str, list[str]]:
    """Return what a form has in it that asks for the same once more; passwords are typed anew."""
    types = '\n'.join(f'{name} = {kind}' for name, kind in found.types.items())
    values: Mapping[str, str] = {
        **ends.values('source', found.source),
        **ends.values('target', found.target),
        'tables': '\n'.join(found.tables),
        'replace': 'on' if found.replace else 'off',
        'allow_rejects': str(found.allow_rejects),
        'schema': found.schema,
        'source_schema': found.source_schema,
        'types': types,
        'zero_dates_are_null': 'on' if found.zero_dates_are_null else 'off',
    }
    return {name: [value] for name, value in values.items()}
