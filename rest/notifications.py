"""`/v1/notifications`, `/v1/destinations`: who was told of what, and who is told at all."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import falcon

from rest import answers, parameters, reading
from stacks import moments
from stacks.notifications import Disabled
from stacks.platform import Platform
from stacks.requests import NotificationFilter
from triggers.notifications.destinations import Destination, Destinations


class Notifications:
    """What was sent, or is to be."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        given = parameters.read(req, parameters.NOTIFICATIONS)
        where = NotificationFilter(given['destination'], given['state'], given['stack'])
        caller = reading.caller(req)
        found = self._platform.notifications.all(caller, where, given['limit'], given['cursor'])
        answers.page(req, resp, found, answers.shown)

    on_head = on_get


class AllDestinations:
    """Who is told."""

    def __init__(self, platform: Platform, destinations: Destinations) -> None:
        self._platform = platform
        self._destinations = destinations

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        parameters.read(req, parameters.NONE)
        disabled = self._platform.notifications.disabled(reading.caller(req))
        found = [_shown(each, disabled.get(each.name)) for each in self._destinations.all()]
        resp.media = {'items': found}

    on_head = on_get

    def on_post_enable(self, req: falcon.Request, resp: falcon.Response, name: str) -> None:
        caller = reading.caller(req)
        parameters.read(req, parameters.NONE)
        self._platform.notifications.enable(caller, name)
        resp.status = HTTPStatus.NO_CONTENT


def _shown(destination: Destination, disabled: Disabled | None) -> dict[str, Any]:
    """Return what may be seen of a destination: not its URL, which may be a secret."""
    since = moments.text(disabled.disabled_at, 'milliseconds') if disabled else None
    return {
        'name': destination.name,
        'kind': destination.kind,
        'host': destination.host,
        'events': sorted(destination.events),
        'disabled_at': since,
        'reason': disabled.reason if disabled else None,
    }
