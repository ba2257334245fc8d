"""What the unit tests share: the real slots and routes over a fake engine and platform."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from settings import Settings
from slots.pool import Slots
from tests import records
from tests.fake_pulumi import FakeEngine, MakeSlots
from tests.records import Site
from tests.rest_client import Client, make_platform


@pytest.fixture
def fake() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def make_slots(fake: FakeEngine, tmp_path: Path) -> Iterator[MakeSlots]:
    """Return a function that makes Slots on the fake engine, with settings as given."""
    made: list[Slots] = []

    def make(**given: object) -> Slots:
        settings = Settings(**{'state_dir': tmp_path, 'slot_wait': 0.2, **given})  # type: ignore[arg-type]
        made.append(Slots(settings, 'burner-program', fake.open_workspace))
        return made[-1]

    yield make
    for slots in made:
        slots.close()


@pytest.fixture
def rest(tmp_path: Path) -> Client:
    """The routes of `/v1`, called by an operator."""
    return Client(make_platform(tmp_path))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A platform over a file, without anybody who does its runs."""
    made = records.site(tmp_path)
    yield made
    made.database.close()
