"""What all tests share."""

from __future__ import annotations

import os
import re

import pytest

OURS = re.compile(
    'PULUMI.*|HOST|PORT|ENGINE|SLOT.*|RUN_TIMEOUT|DESTROY_TIMEOUT|STACK|STATE_DIR|RUNS_.*|LOG_LEVEL'
)


@pytest.fixture(autouse=True)
def clean_environ(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    for variable in list(os.environ):
        if OURS.fullmatch(variable):
            monkeypatch.delenv(variable)
