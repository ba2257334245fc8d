"""The service, whose patience with the engines of other hosts' dead services a test may shorten."""

from __future__ import annotations

import os

from stacks.operation import steps

steps.DYING = float(os.environ.get('TEST_DYING', steps.DYING))

from api import api  # noqa: E402  # It begins with the patience above.

__all__ = ['api']
