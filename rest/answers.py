"""How records are answered: as JSON, in pages, and runs that may not have ended."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import falcon

from rest import reading
from stacks import moments
from stacks.errors import NotFoundError
from stacks.platform import Platform
from stacks.records import Item, LogPart, Migration, Page, Run, Stack
from triggers.records import TriggerEvent


def shown(record: Stack | Run | LogPart | Migration | TriggerEvent) -> dict[str, Any]:
    """Return a record as JSON has it."""
    return {each.name: _json(getattr(record, each.name)) for each in fields(record)}


def outlined(run: Run) -> dict[str, Any]:
    """Return a run as lists have it."""
    return {name: value for name, value in shown(run).items() if name != 'resources'}


def migration_outlined(found: Migration) -> dict[str, Any]:
    """Return a migration as lists have it."""
    left_out = ('plan', 'rejects')
    return {name: value for name, value in shown(found).items() if name not in left_out}


def _json(value: Any) -> Any:
    """Return a value; a time as text (RFC 3339, UTC)."""
    return moments.text(value, 'milliseconds') if isinstance(value, datetime) else value


def page(
    req: falcon.Request, resp: falcon.Response, found: Page[Item], show: Callable[[Item], Any]
) -> None:
    """Answer a part of a list, with a link to the next one (RFC 8288)."""
    resp.media = {'items': [show(item) for item in found.items], 'next': found.next}
    if found.next is not None:
        query = urlencode({**req.params, 'cursor': found.next})
        resp.set_header('Link', f'<{req.path}?{query}>; rel="next"')


def stack(resp: falcon.Response, found: Stack) -> None:
    """Answer a stack, which caches may keep but must ask about."""
    resp.media = shown(found)
    resp.etag = str(found.version)
    resp.cache_control = ['no-cache']


def run(req: falcon.Request, resp: falcon.Response, platform: Platform, begun: Run) -> None:
    """Answer a run that was begun: 202, or 200 when it ended while the caller would wait."""
    seconds = reading.wait_seconds(req)
    if seconds:
        begun = platform.wait(reading.caller(req), begun.id, seconds)
    resp.location = f'/v1/runs/{begun.id}'
    resp.media = shown(begun)
    if seconds and begun.has_ended:
        resp.set_header('Preference-Applied', f'wait={seconds}')
        return
    resp.status = HTTPStatus.ACCEPTED
    resp.retry_after = '1'


def migration(
    req: falcon.Request, resp: falcon.Response, platform: Platform, found: Migration
) -> None:
    """Answer a migration of which a run was begun, as `run` does."""
    caller = reading.caller(req)
    seconds = reading.wait_seconds(req)
    if seconds:
        platform.wait(caller, found.run, seconds)
        # One that is abandoned is gone by then.
        with suppress(NotFoundError):
            found = platform.migrations.one(caller, found.id)
    resp.location = f'/v1/migrations/{found.id}'
    resp.media = shown(found)
    if seconds and found.has_ended:
        resp.set_header('Preference-Applied', f'wait={seconds}')
        return
    resp.status = HTTPStatus.ACCEPTED
    resp.retry_after = '1'
