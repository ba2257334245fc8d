"""The end of an engine: within its bound, with all of its session, whatever its command does."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path

import pytest

from tests.warm.owner import (
    UP,
    Command,
    Owner,
    Start,
    hanging_in,
    stopped_provider,
    stubborn_program,
)
from tests.warm.project import RANDOM_PROGRAM, Project

Situation = Callable[[Start], AbstractContextManager[Owner]]

SITUATIONS: dict[str, Situation] = {
    'dead-locked': partial(hanging_in, args=['stack', 'ls']),
    'dead-locked-cold': partial(hanging_in, args=['about']),
    'stubborn-program': stubborn_program,
    'stopped-provider': stopped_provider,
}


def kill_owner(owner: Owner) -> None:
    owner.process.kill()


def terminate(owner: Owner) -> None:
    with suppress(ProcessLookupError):
        os.kill(owner.session, signal.SIGTERM)


def kill_both(owner: Owner) -> None:
    owner.process.kill()
    os.kill(owner.session, signal.SIGKILL)


@pytest.fixture
def start(tmp_path: Path, engine_bin: Path) -> Iterator[Start]:
    """Starts owners of engines that give a command seconds where it would have a minute."""
    owners: list[Owner] = []

    def start(
        commands: list[Command],
        *,
        program: str = RANDOM_PROGRAM,
        cancel: str = '1s',
        terminate: str = '1s',
    ) -> Owner:
        folder = tmp_path / str(len(owners))
        folder.mkdir()
        engine = folder / 'engine'
        engine.write_text(
            f'#!/bin/sh\nexec {engine_bin}/pulumi-warm'
            f' --cancel-grace {cancel} --terminate-grace {terminate} "$@"\n'
        )
        engine.chmod(0o755)
        owners.append(Owner(engine, Project(folder / 'project', engine_bin, program), commands))
        return owners[-1]

    yield start
    for owner in owners:
        owner.close()


@pytest.mark.parametrize('end', [kill_owner, terminate])
@pytest.mark.parametrize('situation', SITUATIONS.values(), ids=SITUATIONS)
def test_ends_whatever_its_command_does(
    start: Start, situation: Situation, end: Callable[[Owner], None]
) -> None:
    """After its owner's death or SIGTERM, an engine ends with all processes that it led to."""
    with situation(start) as owner:
        end(owner)
        owner.wait_until_gone()


@pytest.mark.parametrize('name', ['dead-locked', 'stopped-provider'])
def test_second_sigterm_ends_at_once(start: Start, name: str) -> None:
    """The second SIGTERM leaves a command no time."""
    with SITUATIONS[name](partial(start, cancel='1h', terminate='1h')) as owner:
        terminate(owner)
        time.sleep(0.2)  # Two signals at once are one.
        terminate(owner)
        owner.wait_until_gone()


@pytest.mark.parametrize(
    ('name', 'part'),
    [
        pytest.param('dead-locked-cold', 'bin/pulumi ', id='stock-cli'),
        pytest.param('stubborn-program', '/host ', id='program'),
        pytest.param('stubborn-program', 'pulumi-resource', id='provider'),
    ],
)
def test_engine_and_owner_killed(start: Start, name: str, part: str) -> None:
    """What an engine has started dies with it, also when nobody is left to see to that."""
    with SITUATIONS[name](start) as owner:
        assert owner.members(part)
        kill_both(owner)
        owner.wait_until_gone(part)


def test_death_at_a_random_moment(
    start: Start, rounds: Callable[[int, int], range], chance: random.Random
) -> None:
    """Wherever a command is when its owner dies or SIGTERM comes, nothing stays."""
    for _ in rounds(3, 40):
        owner = start([(chance.choice(COMMANDS), {}) for _ in range(20)])
        time.sleep(chance.uniform(0, 2))
        chance.choice([kill_owner, terminate])(owner)
        owner.wait_until_gone()


COMMANDS = [
    *(['whoami'], ['stack', 'ls'], ['config', '--stack', 'dev'], ['about']),
    *(UP, ['logs', '--stack', 'dev'], ['preview', '--stack', 'dev']),
    ['destroy', '--yes', '--skip-preview', '--stack', 'dev'],
]
