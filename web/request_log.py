"""Request ids and the log: each request has an id, and each log line of it carries that id."""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from contextvars import ContextVar
from datetime import datetime, timezone
from urllib.parse import quote

import falcon

from audit import current_caller
from web.callers import Callers

logger = logging.getLogger(__name__)

# An id from outside ends up in logs and headers, so it must not be able to forge either.
ACCEPTED_ID = re.compile(r'[A-Za-z0-9_-]{8,64}')
# What may stand in a path as it is (RFC 3986, section 3.3).
PATH_CHARACTERS = "/!$&'()*+,;=:@"
FORMAT = '%(asctime)s %(levelname)s [%(request_id)s] %(name)s: %(message)s'

current_id: ContextVar[str] = ContextVar('request_id', default='-')


class Middleware:
    """Gives every request an id, returns it as X-Request-Id, and logs one line per request."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        given = req.get_header('X-Request-Id') or ''
        req.context.request_id = given if ACCEPTED_ID.fullmatch(given) else uuid.uuid4().hex
        req.context.started = time.monotonic()
        current_id.set(req.context.request_id)
        current_caller.set(self._callers.caller(req))
        resp.set_header('X-Request-Id', req.context.request_id)

    def process_response(
        self, req: falcon.Request, resp: falcon.Response, resource: object, succeeded: bool
    ) -> None:
        seconds = time.monotonic() - req.context.started
        # As it came in the request: what is behind a percent sign may be the end of a line.
        path = quote(req.path, PATH_CHARACTERS)
        caller = current_caller.get()
        logger.info('%s %s %s %d %.3f s', caller, req.method, path, resp.status_code, seconds)


class _AddRequestId(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = current_id.get()
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object a line, for those who feed logs to a machine."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            'time': datetime.fromtimestamp(record.created, timezone.utc).isoformat(),
            'level': record.levelname,
            'logger': record.name,
            'request_id': current_id.get(),
            'message': record.getMessage(),
        }
        if record.exc_info:
            line['traceback'] = self.formatException(record.exc_info)
        return json.dumps(line)


def configure(level: str, kind: str) -> None:
    """Log to stderr at `level` and above, with the id of the request on each line.

    kind: `plain` or `json`.
    """
    handler = logging.StreamHandler()
    handler.addFilter(_AddRequestId())
    handler.setFormatter(JsonFormatter() if kind == 'json' else logging.Formatter(FORMAT))
    logging.basicConfig(level=level, handlers=[handler])
