"""What the unit tests of the client share: fake time, and what they try."""

from __future__ import annotations

import pytest

from infra import Client
from tests.infra.command import Command
from tests.infra.fake_service import FakeService
from tests.infra.fake_time import FakeTime


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def client(service: FakeService, time: FakeTime) -> Client:
    return Client(service.url, 'a-token', around=time.around)


@pytest.fixture
def infra(
    service: FakeService,
    time: FakeTime,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Command:
    """The command line, in this process, against the fake service."""
    monkeypatch.setenv('INFRA_URL', service.url)
    monkeypatch.setenv('INFRA_TOKEN', 'a-token')
    return Command(time.around, capfd, monkeypatch)
