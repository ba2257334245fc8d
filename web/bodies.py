"""The JSON in a request's body."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import falcon


def read_json(
    req: falcon.Request, media_types: Sequence[str] = ('application/json',)
) -> dict[str, Any]:
    """Return the JSON object that is the body of a request."""
    if (req.content_type or '').partition(';')[0].strip().lower() not in media_types:
        raise falcon.HTTPUnsupportedMediaType
    try:
        value = json.loads(req.bounded_stream.read())
    except ValueError as error:
        raise falcon.HTTPBadRequest(description='The body is not valid JSON.') from error
    if not isinstance(value, dict):
        raise falcon.HTTPBadRequest(description='The body must be a JSON object.')
    return value
