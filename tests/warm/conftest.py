"""Real engines on projects of their own; nothing here leaves the temporary folder."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pulumi import automation as auto

import engine
from tests.warm.project import Project
from warm_pulumi import WarmPulumi


@pytest.fixture(scope='session')
def engine_bin(built_engine: engine.Engine) -> Path:
    """The folder with the engine, the stock CLI, the language host and the random provider."""
    return built_engine.bin


@pytest.fixture
def project(tmp_path: Path, engine_bin: Path) -> Project:
    """A project with a Python program and a backend of its own."""
    return Project(tmp_path / 'project', engine_bin)


@pytest.fixture
def warm(engine_bin: Path) -> Iterator[WarmPulumi]:
    """A warm Pulumi that is the test's own."""
    with new_warm(engine_bin) as pulumi:
        yield pulumi


@pytest.fixture(scope='module')
def shared_warm(engine_bin: Path) -> Iterator[WarmPulumi]:
    """A warm Pulumi that the tests of a module use one after another, as a service would."""
    with new_warm(engine_bin) as pulumi:
        yield pulumi


@pytest.fixture(scope='session')
def cold(engine_bin: Path) -> auto.PulumiCommand:
    """The stock CLI."""
    command = auto.PulumiCommand.__new__(auto.PulumiCommand)
    command.command = str(engine_bin / 'pulumi')
    command.version = None
    return command


@pytest.fixture(scope='module')
def stock(cold: auto.PulumiCommand, shared_warm: WarmPulumi) -> auto.PulumiCommand:
    """The stock CLI with its version, which the SDK wants to know for events."""
    cold.version = shared_warm.version
    return cold


@pytest.fixture
def chance(seed: int) -> random.Random:
    """What a test leaves to chance."""
    return random.Random(seed)


@pytest.fixture
def rounds(
    whole: bool, record_property: Callable[[str, object], None]
) -> Callable[[int, int], range]:
    """Returns a function that takes the bounded and the whole number of rounds of a test."""

    def choose(bounded: int, all_of_them: int) -> range:
        chosen = all_of_them if whole else bounded
        record_property('rounds', chosen)
        return range(chosen)

    return choose


def new_warm(engine_bin: Path) -> WarmPulumi:
    return WarmPulumi(str(engine_bin / 'pulumi-warm'), str(engine_bin / 'pulumi'))
