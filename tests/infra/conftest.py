"""What the tests of the client share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infra.fake_service import FakeService, fake_service


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the settings of whoever runs the tests, and that this may be CI, out of them."""
    for variable in list(os.environ):
        if variable.startswith('INFRA_') or variable.lower().endswith('_proxy'):
            monkeypatch.delenv(variable)
    for variable in ('CI', 'NO_COLOR', '_INFRA_COMPLETE'):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv('XDG_CONFIG_HOME', str(tmp_path / 'config'))


@pytest.fixture
def service() -> Iterator[FakeService]:
    """A service that answers what the test says."""
    with fake_service() as service:
        yield service
