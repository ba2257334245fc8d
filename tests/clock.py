"""The platform's wall clock, which a test moves."""

from __future__ import annotations

import datetime as real

import pytest

from stacks import moments


class Clock:
    """How far the platform's clock is ahead of the real one."""

    fromisoformat = staticmethod(real.datetime.fromisoformat)

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = real.timedelta(0)
        monkeypatch.setattr(moments, 'datetime', self)

    def now(self, zone: real.tzinfo) -> real.datetime:
        return real.datetime.now(zone) + self.ahead

    def go(self, **given: float) -> None:
        """Move it on, as `minutes=5`."""
        self.ahead += real.timedelta(**given)
