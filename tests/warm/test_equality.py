"""The warm engine answers as the stock CLI does, whatever ran before."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from pulumi import automation as auto

from tests.warm.project import Project, when
from warm_pulumi import WarmPulumi

FAILING_PROGRAM = "raise ValueError('as asked')"
GOOD_PROGRAM = """
    import os
    import pulumi
    import pulumi_random

    config = pulumi.Config()
    pulumi_random.RandomId('made', byte_length=4)
    pulumi.export('word', config.get('word'))
    pulumi.export('secret', config.get_secret('secret'))
    pulumi.export('variable', os.environ.get('VARIABLE'))
"""

Step = tuple[tuple[str, ...], dict[str, str]]


def step(*args: str, **env: str) -> Step:
    """A command and the variables it gets beside those of the project."""
    return args, env


WRONG = {'PULUMI_CONFIG_PASSPHRASE': 'wrong'}
SECRETS = step('config', 'get', 'secret', '--stack', 'dev')
# The stock CLI now and then shows no outputs after a refresh, with the same state.
REFRESH = ('refresh', '--yes', '--skip-preview', '--suppress-outputs', '--stack', 'dev')
# Commands that are right or wrong in all the ways that we know; most leave something that could
# reach the next: a flag, a variable, a directory, a cache, a colour.
STEPS = [
    step('stack', 'init', 'dev', '--no-select'),
    step('config', 'set', 'word', 'hello', '--stack', 'dev'),
    step('config', 'set', 'secret', 'hidden', '--secret', '--stack', 'dev'),
    SECRETS,
    (SECRETS[0], WRONG),
    SECRETS,
    (('up', '--yes', '--skip-preview', '--stack', 'dev'), WRONG),
    step('up', '--yes', '--skip-preview', '--stack', 'dev', VARIABLE='given'),
    step('up', '--yes', '--skip-preview', '--stack', 'dev'),
    step('stack', 'output', '--json', '--stack', 'dev'),
    step('stack', 'output', '--json', '--show-secrets', '--stack', 'dev'),
    step('stack', 'output', 'word', '--stack', 'dev'),
    step('stack', 'output', 'nothing', '--stack', 'dev'),
    step('--color', 'always', 'stack', 'output', 'nothing', '--stack', 'dev'),
    step('stack', 'output', 'nothing', '--stack', 'dev'),
    step(*REFRESH),
    step(*REFRESH, '--expect-no-changes'),
    step('up', '--yes', '--skip-preview', '--stack', 'nowhere'),
    step('up', '--no-such-flag'),
    step('up', '--stack'),
    step('preview', '--help'),
    step('stack', 'no-such-command'),
    step('no-such-command'),
    step('stack', 'ls', '--json'),
    step('stack', 'ls', '-Q'),
    step('stack', 'ls'),
    step('stack', 'select', 'dev'),
    step('config', '--json'),
    step('stack', 'unselect'),
    step('config', '--json'),
    step('-C', os.sep, 'config', '--json', '--stack', 'dev'),
    step('config', '--json', '--show-secrets', '--stack', 'dev'),
    step('whoami', '--json'),
    step('stack', 'ls', PULUMI_OPTION_JSON='true'),
    step('stack', 'ls', PULUMI_BACKEND_URL='file:///no/such/folder'),
    step('stack', 'tag', 'ls', '--json', '--stack', 'dev'),
    step('stack', 'export', '--stack', 'nowhere'),
    step('config', 'rm', 'word', '--stack', 'dev'),
    step('version'),
    step('cancel', '--yes', '--stack', 'dev'),
    step('about', '--no-such-flag'),
    step('plugin', 'ls', '--json'),
    step('destroy', '--yes', '--skip-preview', '--stack', 'dev'),
    step('stack', 'rm', 'dev', '--yes'),
    step('stack', 'rm', 'dev', '--yes'),
]


@pytest.fixture
def twins(tmp_path: Path, engine_bin: Path) -> tuple[Project, Project]:
    """Two projects that are alike, one for each of the two ways."""
    for side in ('warm', 'cold'):
        (tmp_path / side).mkdir()
    return (
        Project(tmp_path / 'warm' / 'project', engine_bin, GOOD_PROGRAM),
        Project(tmp_path / 'cold' / 'project', engine_bin, GOOD_PROGRAM),
    )


def test_each_command_answers_alike(
    warm: WarmPulumi, cold: auto.PulumiCommand, twins: tuple[Project, Project]
) -> None:
    """The same commands in the same order give the same outcomes, and run in one engine."""
    ours, theirs = twins
    pids = set()
    for args, env in STEPS:
        got = ours.outcome(warm, *args, env=env)
        assert (args, got) == (args, theirs.outcome(cold, *args, env=env))
        pids.add(warm.engine_pid)
    assert len(pids) == 1
    assert ours.locks() == []


def test_failing_program_answers_alike(
    warm: WarmPulumi, cold: auto.PulumiCommand, twins: tuple[Project, Project]
) -> None:
    """A program that fails, between runs that succeed, fails alike."""
    for program in (GOOD_PROGRAM, FAILING_PROGRAM, GOOD_PROGRAM):
        outcomes = []
        for project, command in zip(twins, (warm, cold), strict=True):
            project.write(program)
            project.stack(command)
            outcomes.append(project.outcome(command, 'up', '--yes', '--skip-preview', '-s', 'dev'))
        assert outcomes[0] == outcomes[1]


def test_changed_passphrase_answers_alike(
    warm: WarmPulumi, cold: auto.PulumiCommand, twins: tuple[Project, Project]
) -> None:
    """A stack that has got another passphrase does not open with the old one any more."""
    ours, theirs = twins
    for args, env in [
        *STEPS[:1],
        *STEPS[2:4],
        step('stack', 'change-secrets-provider', 'passphrase', '--stack', 'dev'),
        SECRETS,
        (SECRETS[0], {'PULUMI_CONFIG_PASSPHRASE': ''}),
    ]:
        got = ours.outcome(warm, *args, env=env)
        assert (args, got) == (args, theirs.outcome(cold, *args, env=env))
    assert got[0] == 'success'


MIXED_COMMANDS = 1000


@pytest.mark.slow
def test_a_thousand_mixed_commands(
    warm: WarmPulumi,
    cold: auto.PulumiCommand,
    twins: tuple[Project, Project],
    chance: random.Random,
) -> None:
    """A random mix of success, program error, cancel and bad arguments answers as the CLI does."""
    ours, theirs = twins
    ours.stack(warm)
    theirs.stack(cold)
    mixed: list[Callable[[], None]] = [
        *(lambda s=s: _same(warm, cold, ours, theirs, s) for s in _repeatable()),
        lambda: _program_error(warm, cold, ours, theirs),
        lambda: _cancelled(warm, ours),
    ]
    for _ in itertools.repeat(None, MIXED_COMMANDS):
        chance.choice(mixed)()
    assert ours.locks() == []


def _repeatable() -> list[Step]:
    """The steps that a stack survives."""
    return [s for s in STEPS if s[0][:2] not in {('stack', 'init'), ('stack', 'rm')}]


def _same(
    warm: WarmPulumi, cold: auto.PulumiCommand, ours: Project, theirs: Project, one: Step
) -> None:
    args, env = one
    got = ours.outcome(warm, *args, env=env)
    assert (args, got) == (args, theirs.outcome(cold, *args, env=env))


def _program_error(
    warm: WarmPulumi, cold: auto.PulumiCommand, ours: Project, theirs: Project
) -> None:
    for project in (ours, theirs):
        project.write(FAILING_PROGRAM)
    _same(warm, cold, ours, theirs, step('preview', '--stack', 'dev'))
    for project in (ours, theirs):
        project.write(GOOD_PROGRAM)


def _cancelled(warm: WarmPulumi, ours: Project) -> None:
    ours.write("import time; print('begun', flush=True); time.sleep(60)")
    with pytest.raises(auto.CommandError, match='cancel'):
        warm.run(
            ['preview', '--stack', 'dev'],
            str(ours.folder),
            ours.env,
            when('begun', warm.interrupt),
        )
    ours.write(GOOD_PROGRAM)
