"""One line in the log for each change of infrastructure: who, what, where, how it ended."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from web.request_log import current_caller

logger = logging.getLogger('audit')


@contextmanager
def audited(stack: str, action: str) -> Iterator[None]:
    """Log the end of the body, which does `action` on `stack` for the current request."""
    result = 'succeeded'
    try:
        yield
    except BaseException as error:
        result = type(error).__name__
        raise
    finally:
        logger.info(
            'caller=%s stack=%s action=%r result=%s', current_caller.get(), stack, action, result
        )
