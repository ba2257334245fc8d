"""What calls from elsewhere told, and what was decided."""

from __future__ import annotations

import falcon

from portal import rendering, words
from portal.pages import asking, listing
from portal.views import TriggersPage
from triggers.records import OUTCOMES, EventFilter
from triggers.triggers import Triggers as Received

FILTERS = ('source', 'rule', 'stack')


class Triggers:
    """The events, the newest first."""

    def __init__(self, triggers: Received) -> None:
        self._triggers = triggers

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        outcome = asking.query(req, 'outcome')
        given = {name: asking.query(req, name).strip() for name in FILTERS}
        given['outcome'] = outcome if outcome in OUTCOMES else ''
        chosen = {name: value for name, value in given.items() if value}
        cursor = asking.query(req, 'cursor') or None
        where = EventFilter(**chosen)
        found = self._triggers.events(asking.caller(req), where, asking.LIMIT, cursor)
        view = TriggersPage(
            events=found.items,
            where=chosen,
            outcomes=listing.options(OUTCOMES, words.OUTCOMES, outcome),
            next=listing.following(chosen, found.next),
            first=listing.first(chosen, cursor),
        )
        rendering.render(req, resp, 'triggers/list.html', view)

    on_head = on_get
