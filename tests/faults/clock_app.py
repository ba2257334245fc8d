"""The service as it is, but with a wall clock that a test can step: by the seconds in CLOCK."""

from __future__ import annotations

import datetime as real
import os
from pathlib import Path

from api import api
from stacks import moments

__all__ = ['api']

CLOCK = Path(os.environ['CLOCK'])


class SteppedDatetime(real.datetime):
    """What tells the platform its time."""

    @classmethod
    def now(cls, tz: real.tzinfo | None = None) -> SteppedDatetime:
        return super().now(tz) + real.timedelta(seconds=float(CLOCK.read_text()))


setattr(moments, 'datetime', SteppedDatetime)  # noqa: B010
