"""The service as it is, but with a wall clock that a test can step: by the seconds in CLOCK."""

from __future__ import annotations

import datetime as real
import os
from pathlib import Path

from api import api
from stacks import moments

__all__ = ['api']

CLOCK = Path(os.environ['CLOCK'])


class SteppedDatetime:
    """What tells the platform its time; in the plain type, which the database knows."""

    fromisoformat = staticmethod(real.datetime.fromisoformat)

    @staticmethod
    def now(zone: real.tzinfo) -> real.datetime:
        return real.datetime.now(zone) + real.timedelta(seconds=float(CLOCK.read_text()))


setattr(moments, 'datetime', SteppedDatetime)  # noqa: B010
