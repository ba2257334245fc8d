"""The pages over a platform in memory, as a browser without JavaScript asks for them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import falcon
from falcon import testing

from portal import routes
from portal.errors import ErrorPages
from portal.guard import Guard
from rest import errors
from settings import Settings
from tests.fake_platform import FakePlatform
from tests.fake_triggers import FakeTriggers
from web import access, problems, request_log
from web.bodies import FORM
from web.callers import Callers
from web.tokens import Tokens

OWN = {'Sec-Fetch-Site': 'same-origin'}


class Page(HTMLParser):
    """What a test looks for in a page: its elements, its text, and where its forms lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ''
        self.feed(text)
        self.text = ' '.join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or '' for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        """Return the attributes of all elements of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    def field(self, name: str) -> dict[str, str]:
        """Return the attributes of a field."""
        fields = [*self.all('input'), *self.all('textarea'), *self.all('select')]
        return next(each for each in fields if each.get('name') == name and each.get('id'))


class Browser(testing.TestClient):
    """Sends what a browser sends, and keeps its cookies."""

    def __init__(self, platform: FakePlatform, **given: Any) -> None:
        settings = Settings(allowed_hosts='falconframework.org', **given)
        tokens = Tokens(settings)
        guard = Guard(settings, tokens, platform.sessions)
        logged = request_log.Middleware(Callers([]))
        refusing = access.Middleware(settings, tokens)
        middleware: list[Any] = [logged, ErrorPages(), refusing, guard]
        app = falcon.App(middleware=middleware)
        problems.install(app)
        errors.install(app)
        self.triggers = FakeTriggers()
        routes.mount(app, platform, self.triggers, tokens)
        super().__init__(app)
        self.platform = platform
        self.cookies: dict[str, str] = {}

    def visit(self, path: str = '', **headers: str) -> testing.Result:
        return self.simulate_get(f'/portal{path}', headers={**self._cookie(), **headers})

    def page(self, path: str = '') -> Page:
        answer = self.visit(path)
        assert answer.status_code == 200, answer.text
        return Page(answer.text)

    def send(self, path: str, fields: dict[str, str | list[str]], **headers: str) -> testing.Result:
        answer = self.simulate_post(
            f'/portal{path}',
            body=urlencode(fields, doseq=True),
            headers={'Content-Type': FORM, **self._cookie(), **OWN, **headers},
        )
        for name, cookie in answer.cookies.items():
            self.cookies[name] = cookie.value
        return answer

    def sign_in(self, token: str) -> testing.Result:
        return self.send('/login', {'token': token, 'next': '/portal/stacks'})

    def _cookie(self) -> dict[str, str]:
        given = '; '.join(f'{name}={value}' for name, value in self.cookies.items() if value)
        return {'Cookie': given} if given else {}


def run_of(answer: testing.Result) -> str:
    """Return the id of the run that a redirect leads to."""
    match = re.fullmatch('/portal/runs/(run_[0-9a-f]+)', answer.headers['location'])
    assert answer.status_code == 303
    assert match
    return match[1]
