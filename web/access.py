"""Who may call: the Host that a request names, the token that it carries, the headers it gets."""

from __future__ import annotations

import re

import falcon

from audit import current_caller
from settings import Settings
from web import bodies, hooks, origin, pages
from web.identity import Caller
from web.tokens import Tokens

LOOPBACK_NAMES = {'localhost', '127.0.0.1', '::1'}
# What a load balancer or an orchestrator asks without a token.
OPEN_PATHS = {'/healthz', '/readyz'}

HOST = re.compile(r'(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[^:\[\]]+))(?::\d+)?')

HEADERS = {
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Resource-Policy': 'same-origin',
}


class Middleware:
    """Refuses requests from those who may not call, before any handler sees them.

    The caller of those that go on is in `req.context.caller`, except for those to OPEN_PATHS, to
    pages, which people sign in to, and to hooks, whose senders sign.
    """

    def __init__(self, settings: Settings, tokens: Tokens) -> None:
        self._tokens = tokens
        self._are_named = bool(settings.api_tokens_file)
        given = {name.strip().lower() for name in settings.allowed_hosts.split(',')} - {''}
        # Behind a token, any name may lead here; without one, a name that is not ours may be a
        # page in somebody's browser that has its own name point to this machine.
        self._hosts = given | LOOPBACK_NAMES if given or settings.is_loopback else None

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.set_headers(HEADERS)
        if pages.is_page(req.path):
            resp.set_headers(pages.HEADERS)
        _refuse_body(req)
        if req.path in OPEN_PATHS:
            return
        if self._hosts is not None and _host(req) not in self._hosts:
            raise falcon.HTTPForbidden(description='This Host is not served here.')
        if pages.is_page(req.path) or not self._tokens.are_needed:
            # A browser's cookie goes with what any page of others sends, or no token is needed.
            origin.insist_on_own(req)
        if not (pages.is_page(req.path) or hooks.is_hook(req.path)):
            admit(req, self._caller(req), self._are_named)

    def _caller(self, req: falcon.Request) -> Caller:
        scheme, _, token = (req.auth or '').partition(' ')
        caller = self._tokens.caller(token.strip() if scheme.lower() == 'bearer' else '')
        if caller is None:
            raise falcon.HTTPUnauthorized(
                description='A bearer token is needed.', challenges=['Bearer']
            )
        return caller


def admit(req: falcon.Request, caller: Caller, is_named: bool) -> None:
    """Have a request go on as one of this caller's; is_named: whether the log tells the name."""
    req.context.caller = caller
    if is_named:
        current_caller.set(f'{caller.name}@{current_caller.get()}')


def insist_on_role(req: falcon.Request, role: str) -> None:
    """Raise falcon.HTTPForbidden when the caller's role is below this one."""
    caller: Caller = req.context.caller
    if not caller.may(role):
        detail = f'This needs the role {role}; the token is of a {caller.role}.'
        raise falcon.HTTPForbidden(description=detail)


def insist_on_program(req: falcon.Request, program: str) -> None:
    """Raise falcon.HTTPForbidden when the caller's token is limited to other programs."""
    if not req.context.caller.may_use(program):
        raise falcon.HTTPForbidden(description=f'The token is not for the program {program}.')


def _refuse_body(req: falcon.Request) -> None:
    """Raise falcon.HTTPError for a body that is not collected (see web/connections.py)."""
    is_in_chunks = req.get_header('Transfer-Encoding')
    if not bodies.is_taken(req.method, req.path):
        is_there = is_in_chunks or req.content_length
        if is_there and bodies.is_refused(req.method, req.path):
            raise falcon.HTTPContentTooLarge(description='This request takes no body.')
    elif is_in_chunks:
        detail = 'The body needs a Content-Length in place of a Transfer-Encoding.'
        raise falcon.HTTPLengthRequired(description=detail)
    elif (req.content_length or 0) > bodies.most(req.path):
        detail = f'A body may have {bodies.most(req.path)} bytes at most.'
        raise falcon.HTTPContentTooLarge(description=detail)


def _host(req: falcon.Request) -> str:
    """Return the name in the Host header, in lower case, without port and brackets."""
    match = HOST.fullmatch(req.get_header('Host') or '')
    return (match['address'] or match['name']).lower() if match else ''
