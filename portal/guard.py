"""Who looks at a page: a session where tokens are needed, else everybody."""

from __future__ import annotations

import hmac
from http import HTTPStatus

import falcon

from portal import cookies, paths
from settings import Settings
from stacks.sessions import Sessions, fingerprint
from web import access, pages
from web.identity import Caller
from web.tokens import LOCAL, Tokens

SIGNED_OUT = 'You are not signed in any more. Sign in in another tab, then send this again.'


class Guard:
    """Lets those look who have signed in."""

    def __init__(self, settings: Settings, tokens: Tokens, sessions: Sessions) -> None:
        self._tokens = tokens
        self._sessions = sessions
        self._are_named = settings.names_callers

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        if not pages.is_page(req.path):
            return
        if req.path.startswith(paths.STATIC):
            return
        resp.cache_control = ['no-store']
        caller = self.caller(req)
        if caller is not None:
            access.admit(req, caller, self._are_named)
            req.context.can_sign_out = self._tokens.are_needed
        elif req.path != paths.LOGIN:
            _send_to_login(req)

    def caller(self, req: falcon.Request) -> Caller | None:
        """Return who has signed in; None where nobody has, or the token is gone or another one."""
        if not self._tokens.are_needed:
            return LOCAL
        secret = cookies.read(req)
        stored = self._sessions.fingerprint(secret) if secret else None
        if stored is None:
            return None
        return self._tokens.caller_where(
            lambda digest: hmac.compare_digest(fingerprint(secret, digest), stored)
        )


def _send_to_login(req: falcon.Request) -> None:
    if req.method in ('GET', 'HEAD'):
        raise falcon.HTTPSeeOther(paths.login(req.relative_uri))
    # What was typed is still in the page that sent it.
    raise falcon.HTTPError(HTTPStatus.UNAUTHORIZED, description=SIGNED_OUT)
