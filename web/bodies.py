"""Request bodies: which requests may have one and how long it may be, and the JSON in it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, NoReturn
from urllib.parse import parse_qsl

import falcon

from web import hooks, pages

MAX_BODY = 64 * 1024
# Where inputs may be pages and other files.
MAX_CONTENT = 8 * 1024 * 1024
TAKES_CONTENT = re.compile('/sites(/.*)?|/v1/stacks(/[^/]*/runs)?')
METHODS = {'PATCH', 'POST', 'PUT'}
# Where nothing else is served: what another method carries there is not even looked at.
ONLY_POSTED = re.compile(f'/*{hooks.PATH}/[^/]+|/*/v1/triggers/(check|test)')
FORM = 'application/x-www-form-urlencoded'
MAX_FIELDS = 1000
# Far from what Python's stack can bear, wherever a value is walked through.
MAX_DEPTH = 32
# Python refuses some thousands, in words that are not for clients.
MAX_DIGITS = 1000


def is_taken(method: str, path: str) -> bool:
    """Tell whether a request of this method for this path may have a body."""
    if pages.is_page(path):
        return method == 'POST'
    return method in METHODS and (path.startswith(('/v1/', '/sites/')) or path == '/sites')


def is_refused(method: str, path: str) -> bool:
    """Tell whether a body is what is wrong with a request, and not its method."""
    # Of any other, the routes know whether they serve that method at all.
    return method in {*METHODS, 'GET', 'HEAD'} and not ONLY_POSTED.fullmatch(path)


def most(path: str) -> int:
    """Return how many bytes a body for this path may have."""
    if hooks.is_hook(path):
        return hooks.MAX_BODY
    return MAX_CONTENT if TAKES_CONTENT.fullmatch(path) else MAX_BODY


def read_json(
    req: falcon.Request, media_types: Sequence[str] = ('application/json',)
) -> dict[str, Any]:
    """Return the JSON object that is the body of a request.

    Raises falcon.HTTPUnsupportedMediaType when it says that it is something else, and
    falcon.HTTPBadRequest when it is.
    """
    named = (req.content_type or '').partition(';')[0].strip().lower()
    if named not in media_types:
        wanted = ' or '.join(media_types)
        raise falcon.HTTPUnsupportedMediaType(description=f'The Content-Type must be {wanted}.')
    value = parse_json(_read(req))
    if not isinstance(value, dict):
        _refuse('The body must be a JSON object.')
    return value


def parse_json(text: str) -> Any:
    """Return the value that a text is in JSON, as strictly as every reader of it needs.

    Raises falcon.HTTPBadRequest.
    """
    value = _parse(text)
    _check(value)
    return value


def read_raw(req: falcon.Request) -> bytes:
    """Return the body of a request as it came, which is what senders sign.

    Raises falcon.HTTPError when it does not arrive in time.
    """
    try:
        return bytes(req.bounded_stream.read())
    except TimeoutError as error:
        detail = 'The body did not arrive in time.'
        raise falcon.HTTPError(HTTPStatus.REQUEST_TIMEOUT, description=detail) from error


def read_form(req: falcon.Request) -> dict[str, list[str]]:
    """Return the fields of a form that is the body of a request, each with all its values.

    Lines end as they do everywhere but in forms.

    Raises as read_json does.
    """
    named = (req.content_type or '').partition(';')[0].strip().lower()
    if named != FORM:
        raise falcon.HTTPUnsupportedMediaType(description=f'The Content-Type must be {FORM}.')
    try:
        pairs = parse_qsl(
            _read(req), keep_blank_values=True, errors='strict', max_num_fields=MAX_FIELDS
        )
    except UnicodeDecodeError:
        _refuse('The form is not UTF-8.')
    except ValueError:
        _refuse(f'The form has more than {MAX_FIELDS} fields.')
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value.replace('\r\n', '\n'))
    return found


def _read(req: falcon.Request) -> str:
    try:
        return read_raw(req).decode()
    except UnicodeDecodeError:
        _refuse('The body is not UTF-8.')


def _parse(text: str) -> Any:
    try:
        return json.loads(
            text,
            object_pairs_hook=_members,
            parse_constant=_constant,
            parse_float=_float,
            parse_int=_integer,
        )
    except json.JSONDecodeError as error:
        _refuse(f'The body is not valid JSON: {error}.')
    except RecursionError:
        _refuse_depth()


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object of these members; of two with one name, each reader may take another."""
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            _refuse(f'The body has the member {name[:60]!r} twice in one object.')
        members[name] = value
    return members


def _constant(text: str) -> NoReturn:
    _refuse(f'The body is not valid JSON: it has no word for {text}.')


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        _refuse('The body has a number that is too large.')
    return value


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        _refuse('The body has a number that is too large.')
    return int(text)


def _check(value: Any, room: int = MAX_DEPTH) -> None:
    """Refuse what is nested too deep, and text that no file and no answer could hold."""
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict | list):
        if not room:
            _refuse_depth()
        members = [*value, *value.values()] if isinstance(value, dict) else value
        for each in members:
            _check(each, room - 1)


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        _refuse('The body has half of a surrogate pair, which is no character.')


def _refuse_depth() -> NoReturn:
    _refuse(f'The body is nested too deep: it may have {MAX_DEPTH} levels.')


def _refuse(detail: str) -> NoReturn:
    raise falcon.HTTPBadRequest(description=detail)
