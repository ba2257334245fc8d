"""What all tests share."""

from __future__ import annotations

import os
from dataclasses import fields

import pytest

from settings import Settings

OURS = {each.metadata['variable'] for each in fields(Settings)}


@pytest.fixture(autouse=True)
def clean_environ(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    for variable in list(os.environ):
        if variable in OURS or variable.startswith('PULUMI_'):
            monkeypatch.delenv(variable)
