"""What the unit tests of the client share: a service that answers what they say, and fake time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra import Client
from tests.infra.command import Command
from tests.infra.fake_service import FakeService, fake_service
from tests.infra.fake_time import FakeTime


@pytest.fixture
def service() -> Iterator[FakeService]:
    with fake_service() as service:
        yield service


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
