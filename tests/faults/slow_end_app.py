"""The service, with work of ten seconds left when its last answer is given."""

from __future__ import annotations

import atexit
import sys
import time

from api import api

__all__ = ['api']


@atexit.register
def end_slowly() -> None:
    """Stand in for a recovery that takes its time."""
    time.sleep(10)
    print('the end of a slow end', file=sys.stderr)
