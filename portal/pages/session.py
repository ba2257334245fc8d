"""Signing in and out."""

from __future__ import annotations

import math
from http import HTTPStatus

import falcon

import audit
from portal import cookies, limits, paths, rendering
from portal.pages import asking
from portal.views import LoginPage
from stacks.sessions import Sessions
from web.pages import PAGES
from web.tokens import Tokens, digest

WRONG = 'This token is not right. Look whether all of it was pasted.'


class Login:
    """The page with one field."""

    def __init__(self, tokens: Tokens, sessions: Sessions) -> None:
        self._tokens = tokens
        self._sessions = sessions
        self._failures = limits.Failures()

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        after = asking.query(req, 'next')
        if req.context.get('caller'):
            raise falcon.HTTPSeeOther(after if paths.is_ours(after) else PAGES)
        rendering.render(req, resp, 'login.html', LoginPage(after))

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        form = asking.form(req)
        address = audit.current_caller.get()
        if wait := self._failures.wait(address):
            resp.retry_after = str(math.ceil(wait))
            words = f'Too many wrong tokens. Try again in {math.ceil(wait)} seconds.'
            self._again(req, resp, form, HTTPStatus.TOO_MANY_REQUESTS, words)
            return
        token = asking.one(form, 'token').strip()
        caller = self._tokens.caller(token)
        if caller is None:
            self._failures.add(address)
            audit.note('-', 'sign in', 'refused')
            self._again(req, resp, form, HTTPStatus.UNAUTHORIZED, WRONG)
            return
        if self._tokens.are_needed:
            cookies.write(req, resp, self._sessions.begin(digest(token)))
            audit.note('-', f'sign in as {caller.name}', 'succeeded')
        after = asking.one(form, 'next')
        rendering.lead_to(resp, after if paths.is_ours(after) else PAGES)

    def _again(
        self,
        req: falcon.Request,
        resp: falcon.Response,
        form: asking.Form,
        status: HTTPStatus,
        words: str,
    ) -> None:
        resp.status = status
        view = LoginPage(asking.one(form, 'next'), [('token', words)])
        rendering.render(req, resp, 'login.html', view)


class Logout:
    """The end of a session."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        if secret := cookies.read(req):
            self._sessions.end(secret)
        cookies.remove(req, resp)
        rendering.lead_to(resp, paths.LOGIN)
