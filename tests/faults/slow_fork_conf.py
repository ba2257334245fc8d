"""gunicorn.conf.py, but for a second after its fork in which a worker does nothing yet."""

from __future__ import annotations

import runpy
import time
from typing import Any

globals().update(runpy.run_path('gunicorn.conf.py'))


def post_fork(server: Any, worker: Any) -> None:
    """Give a signal time to come too early."""
    time.sleep(1)
