"""What a request says beside its query: who sends it, its body, and the headers that count."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import falcon

from rest.schemas import Schema
from stacks import flaws
from stacks.errors import ChangedError, ForbiddenError, InvalidError
from stacks.records import Caller
from stacks.requests import Key
from web.bodies import read_json

JSON = ('application/json',)
MERGE_PATCH = ('application/merge-patch+json', 'application/json')
LONGEST_WAIT = 60
WAIT = re.compile(r'(?:^|,)\s*wait\s*=\s*"?([0-9]{1,9})"?\s*(?:[,;]|$)', re.IGNORECASE)
# 1 to 255 characters of printable ASCII: a string of RFC 8941, or one without its quotes.
KEY = r'"((?:[ !#-\[\]-~]|\\["\\]){1,255})"|([!#-~](?:[ !#-~]{0,253}[!#-~])?)'
VERSION = re.compile('0|[1-9][0-9]{0,14}')


def caller(req: falcon.Request) -> Caller:
    """Return who asks.

    Raises ForbiddenError when that is a reader who wants to change something.
    """
    found: Caller = req.context.caller
    if req.method not in ('GET', 'HEAD') and not found.may('user'):
        raise ForbiddenError('Readers may only look.')
    return found


def body(req: falcon.Request, schema: Schema, media_types: Sequence[str] = JSON) -> dict[str, Any]:
    """Return the JSON object that a request carries.

    Raises InvalidError with all that does not fit the schema.
    """
    given = read_json(req, media_types)
    if found := flaws.find(schema, given, 'is not known here'):
        raise InvalidError(found)
    return given


def wait_seconds(req: falcon.Request) -> int:
    """Return how long the caller would wait for the end of a run (RFC 7240, `Prefer: wait=10`)."""
    match = WAIT.search(req.get_header('Prefer') or '')
    return min(int(match[1]), LONGEST_WAIT) if match else 0


def key(req: falcon.Request, body: dict[str, Any] | None = None) -> Key | None:
    """Return what makes this request the same one when it is sent again; None without a header."""
    header = req.get_header('Idempotency-Key')
    if header is None:
        return None
    match = re.fullmatch(KEY, header)
    if match is None:
        detail = 'Idempotency-Key must be 1 to 255 printable ASCII characters.'
        raise falcon.HTTPBadRequest(description=detail)
    text = match[2] or re.sub(r'\\(.)', r'\1', match[1])
    # The order of members says nothing, and may differ when a client writes the body again.
    content = json.dumps(body, sort_keys=True)
    said = f'{req.method} {req.relative_uri}\n{content}'
    return Key(text, hashlib.sha256(said.encode()).hexdigest())


def expected_version(req: falcon.Request, current: Callable[[], int]) -> int | None:
    """Return the version that If-Match wants the stack to have; None: whichever.

    current: returns the stack's version, which only a list of several has to be compared with.

    Raises ChangedError when no version can match, as with weak tags (RFC 9110, section 13.1.1).
    """
    tags = req.if_match
    if tags is None or '*' in tags:
        return None
    strong = (str(tag) for tag in tags if isinstance(tag, falcon.ETag) and not tag.is_weak)
    versions = [int(tag) for tag in strong if VERSION.fullmatch(tag)]
    if not versions:
        raise ChangedError('The stack has no version that If-Match names.')
    if len(versions) == 1:
        return versions[0]
    now = current()
    return now if now in versions else versions[0]


def knows(req: falcon.Request, version: int) -> bool:
    """Tell whether If-None-Match names the version: the client has it already."""
    tags = req.if_none_match or []
    return any(tag in ('*', str(version)) for tag in tags)
