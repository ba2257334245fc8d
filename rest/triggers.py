"""`/v1/hooks`, where other services call, and `/v1/triggers`: what became of that."""

from __future__ import annotations

from http import HTTPStatus

import falcon

from rest import answers, parameters, reading, schemas
from triggers.event import Call
from triggers.records import RECEIVED, EventFilter
from triggers.triggers import Triggers
from web.bodies import read_raw


class Hook:
    """Where a source calls. It gets its answer at once; what comes of the call, others see."""

    def __init__(self, triggers: Triggers) -> None:
        self._triggers = triggers

    def on_post(self, req: falcon.Request, resp: falcon.Response, source: str) -> None:
        headers = {name.lower(): value for name, value in req.headers.items()}
        call = Call(headers, read_raw(req))
        resp.cache_control = ['no-store']
        message = self._triggers.talk(source, call)
        if message is not None:
            resp.media = message
            return
        found, note = self._triggers.receive(source, call)
        names = ('id', 'rule', 'outcome', 'reason')
        events = [{name: getattr(each, name) for name in names} for each in found]
        resp.media = {'events': events, 'note': note}
        is_left = any(each.outcome == RECEIVED for each in found)
        resp.status = HTTPStatus.ACCEPTED if is_left else HTTPStatus.OK


class Events:
    """What calls told, and what was decided."""

    def __init__(self, triggers: Triggers) -> None:
        self._triggers = triggers

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        given = parameters.read(req, parameters.EVENTS)
        limit, cursor = given.pop('limit'), given.pop('cursor')
        where = EventFilter(**given)
        found = self._triggers.events(reading.caller(req), where, limit, cursor)
        answers.page(req, resp, found, answers.shown)

    on_head = on_get


class Check:
    """Whether a file of rules could be used."""

    def __init__(self, triggers: Triggers) -> None:
        self._triggers = triggers

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        caller = reading.caller(req)
        parameters.read(req, parameters.NONE)
        text = reading.body(req, schemas.RULES)['rules']
        flaws = self._triggers.check(caller, text)
        resp.media = {'flaws': [vars(each) for each in flaws]}


class Test:
    """What would come of a recorded call."""

    def __init__(self, triggers: Triggers) -> None:
        self._triggers = triggers

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        caller = reading.caller(req)
        parameters.read(req, parameters.NONE)
        body = reading.body(req, schemas.RECORDED_CALL)
        headers = {name.lower(): value for name, value in body.get('headers', {}).items()}
        found = self._triggers.test(caller, body['source'], Call(headers, body['body'].encode()))
        resp.media = {'items': [answers.shown(each) for each in found]}
