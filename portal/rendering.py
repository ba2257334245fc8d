"""Templates into answers: one environment, strict, with what every page has around it."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from http import HTTPStatus
from pathlib import Path
from typing import Any

import falcon
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from portal import migration_words, paths, words
from portal.static import Static
from stacks import moments
from stacks.moments import aware, now
from web.pages import PAGES

HERE = Path(__file__).parent
# Characters of a value in a list or a table, of a page that is to stay small.
LONGEST_VALUE = 300


def render(req: falcon.Request, resp: falcon.Response, template: str, view: Any) -> None:
    """Answer with a page; view: what its template calls `view`."""
    caller = req.context.get('caller')
    resp.content_type = falcon.MEDIA_HTML
    resp.text = ENVIRONMENT.get_template(template).render(
        view=view,
        caller=caller,
        path=req.path,
        can_sign_out=bool(req.context.get('can_sign_out')),
        now=aware(now()),
    )


def lead_to(resp: falcon.Response, address: str) -> None:
    """Answer a form by the page where its reader goes on."""
    resp.status = HTTPStatus.SEE_OTHER
    resp.location = address


def moment(value: datetime) -> str:
    """Return a moment for people, with its zone."""
    return value.astimezone(timezone.utc).strftime('%Y-%m-%d %H:%M UTC')


def machine(value: datetime) -> str:
    """Return a moment for programs (RFC 3339)."""
    return moments.text(value)


def moment_of(text: str) -> datetime:
    """Return the moment that a text is (RFC 3339)."""
    return aware(moments.moment(text))


def text(value: Any) -> str:
    """Return a value as text, however long."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def short(value: Any, most: int = LONGEST_VALUE) -> str:
    """Return how a value begins."""
    found = text(value)
    return found if len(found) <= most else f'{found[:most]}… ({len(found):,} characters)'


def _environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(HERE / 'templates'),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    found.globals |= {'paths': paths, 'words': words, 'home': PAGES, 'static': STATIC.address}
    found.globals['migrating'] = migration_words
    for each in (moment, machine, moment_of, text, short):
        found.filters[each.__name__] = each
    return found


STATIC = Static(HERE / 'static')
ENVIRONMENT = _environment()
