"""One line in the log for each change of infrastructure: who, what, where, how it ended."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

logger = logging.getLogger('audit')

# Whom the current request is from; `-` where the service acts of its own accord.
current_caller: ContextVar[str] = ContextVar('caller', default='-')


@contextmanager
def audited(stack: str, action: str) -> Iterator[None]:
    """Log the end of the body, which does `action` on `stack`."""
    result = 'succeeded'
    try:
        yield
    except BaseException as error:
        result = type(error).__name__
        raise
    finally:
        note(stack, action, result)


def note(stack: str, action: str, result: str) -> None:
    """Log that `action` was done on `stack`, and how it ended."""
    caller = current_caller.get()
    logger.info('caller=%s stack=%s action=%r result=%s', caller, stack, action, result)
