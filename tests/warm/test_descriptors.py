"""No descriptor stays open, whatever fails at the start of an engine or of a command."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.warm.project import Project
from warm_pulumi import ColdPulumi, EngineStartError, WarmPulumi


def open_files() -> int:
    return len(os.listdir('/proc/self/fd'))


@contextmanager
def few_descriptors(more: int) -> Iterator[None]:
    """Lets this process open only so many more files."""
    lowest = os.dup(0)
    os.close(lowest)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def fails_until_enough(action: Callable[[], object]) -> int:
    """Tries an action with ever more descriptors; returns how often there were too few."""
    for more in range(40):
        try:
            with few_descriptors(more):
                action()
        except (OSError, EngineStartError):
            continue
        return more
    raise AssertionError('never enough')


@pytest.mark.parametrize('script', [None, '#!/bin/sh\nexit 1\n'], ids=['missing', 'ends'])
def test_engine_that_does_not_start(tmp_path: Path, script: str | None) -> None:
    """An engine that cannot be started leaves no open file."""
    engine = tmp_path / 'engine'
    if script:
        engine.write_text(script)
        engine.chmod(0o755)
    pulumi = WarmPulumi(str(engine), 'pulumi')
    before = open_files()
    for _ in range(5):
        with pytest.raises(EngineStartError):
            pulumi.start()
    assert open_files() == before


def test_too_few_for_an_engine(engine_bin: Path, project: Project) -> None:
    """Without the descriptors to start an engine there is an error, and none is lost."""
    with WarmPulumi(str(engine_bin / 'pulumi-warm'), str(engine_bin / 'pulumi')) as pulumi:
        before = open_files()
        assert fails_until_enough(pulumi.start) > 2
        project.run(pulumi, 'whoami')
    assert open_files() == before


def test_too_few_for_a_command(warm: WarmPulumi, project: Project) -> None:
    """Without the descriptors for a command there is an error, and the engine stays."""
    project.run(warm, 'whoami')
    before, pid = open_files(), warm.engine_pid
    assert fails_until_enough(lambda: project.run(warm, 'whoami')) > 2
    assert (open_files(), warm.engine_pid) == (before, pid)


def test_too_few_for_a_process(engine_bin: Path, project: Project) -> None:
    """Without the descriptors for a stock CLI there is an error, and none is lost."""
    pulumi = ColdPulumi(str(engine_bin / 'pulumi'), None)
    before = open_files()
    assert fails_until_enough(lambda: project.run(pulumi, 'whoami')) > 2
    assert open_files() == before
