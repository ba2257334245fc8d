"""The catalogue: what people can choose from."""

from __future__ import annotations

from statistics import median

import falcon

from portal import rendering, words
from portal.pages import asking
from portal.views import Card, CataloguePage
from stacks.platform import Platform
from stacks.programs import Program
from stacks.records import Caller

# With fewer, one sees them all, without a search and without headings.
MANY = 9
# Of which the median is told.
LAST_RUNS = 10
OTHERS = 'Other programs'


class Catalogue:
    """All programs that somebody may use."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        caller = asking.caller(req)
        text = asking.query(req, 'q').strip()
        known = sorted(self._platform.programs(caller), key=lambda program: program.title.lower())
        groups: dict[str, list[Card]] = {}
        for program in known:
            if text.lower() in f'{program.title} {program.name} {program.description}'.lower():
                card = Card(program, self._notes(caller, program))
                heading = program.category or OTHERS if len(known) >= MANY else ''
                groups.setdefault(heading, []).append(card)
        ordered = dict(sorted(groups.items(), key=lambda each: (each[0] == OTHERS, each[0])))
        view = CataloguePage(
            groups=ordered,
            count=len(known),
            text=text,
            can_search=len(known) >= MANY or bool(text),
            can_create=caller.may('user'),
        )
        rendering.render(req, resp, 'catalogue.html', view)

    on_head = on_get

    def _notes(self, caller: Caller, program: Program) -> list[str]:
        if program.reason:
            return []
        found = []
        seconds = self._platform.seconds_of_updates(caller, program.name, LAST_RUNS)
        if seconds:
            found.append(f'takes {words.about(median(seconds))}')
        if program.secrets:
            found.append('asks for a secret')
        return found
