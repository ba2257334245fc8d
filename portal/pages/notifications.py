"""Notifications: who is told, what was sent, and what came back."""

from __future__ import annotations

import falcon

from portal import paths, rendering, words
from portal.pages import asking, listing
from portal.views import NotificationsPage
from stacks.platform import Platform
from stacks.records import DELIVERY_STATES
from stacks.requests import NotificationFilter
from triggers.notifications.destinations import Destinations


class Notifications:
    """All of them, for operators."""

    def __init__(self, platform: Platform, destinations: Destinations) -> None:
        self._platform = platform
        self._destinations = destinations

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        caller = asking.caller(req)
        state = asking.query(req, 'state')
        state = state if state in DELIVERY_STATES else ''
        cursor = asking.query(req, 'cursor') or None
        where = NotificationFilter(state=state or None)
        found = self._platform.notifications.all(caller, where, asking.LIMIT, cursor)
        chosen = {'state': state} if state else {}
        view = NotificationsPage(
            items=found.items,
            destinations=self._destinations.all(),
            disabled=self._platform.notifications.disabled(caller),
            where=chosen,
            states=listing.options(DELIVERY_STATES, words.DELIVERY_STATES, state),
            next=listing.following(chosen, found.next),
            first=listing.first(chosen, cursor),
        )
        rendering.render(req, resp, 'notifications/list.html', view)

    on_head = on_get

    def on_post_enable(self, req: falcon.Request, resp: falcon.Response) -> None:
        name = asking.one(asking.form(req), 'name')
        self._platform.notifications.enable(asking.caller(req), name)
        rendering.lead_to(resp, paths.NOTIFICATIONS)
