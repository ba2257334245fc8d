"""What an owner learns of the processes that drive Pulumi for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.warm.project import Project, when
from warm_pulumi import EngineStartError, WarmPulumi
from warm_pulumi.processes import session_members, start_time


class Record:
    """The sessions that an owner knows of, how many at most, and all that it has ever known."""

    def __init__(self) -> None:
        self.open: list[int] = []
        self.all: list[int] = []
        self.most = 0

    def start(self, pid: int) -> None:
        assert start_time(pid) is not None
        self.open.append(pid)
        self.all.append(pid)
        self.most = max(self.most, len(self.open))

    def end(self, pid: int) -> None:
        assert session_members(pid) == []
        self.open.remove(pid)


@pytest.fixture
def record() -> Record:
    return Record()


def test_each_engine_is_told(engine_bin: Path, project: Project, record: Record) -> None:
    """An owner learns of each engine when it starts, and once nothing of it is left."""
    with WarmPulumi(
        str(engine_bin / 'pulumi-warm'),
        str(engine_bin / 'pulumi'),
        max_commands=1,
        on_start=record.start,
        on_end=record.end,
    ) as pulumi:
        for _ in range(2):
            project.run(pulumi, 'whoami')
            assert record.open == [pulumi.engine_pid]
    assert record.open == []
    assert len(record.all) == 2


def test_command_beside_is_told(engine_bin: Path, project: Project, record: Record) -> None:
    """A command that runs beside the engine is told like an engine."""
    with WarmPulumi(
        str(engine_bin / 'pulumi-warm'),
        str(engine_bin / 'pulumi'),
        on_start=record.start,
        on_end=record.end,
    ) as pulumi:
        stack = project.stack(pulumi)
        stack.up(on_output=when('Updating', lambda: project.run(pulumi, 'whoami')))
        assert record.open == [pulumi.engine_pid]
    assert record.open == []
    assert record.most == 2


def test_engine_that_does_not_start_is_told(tmp_path: Path, record: Record) -> None:
    """An engine that ends before it is ready was known, and is known to have ended."""
    engine = tmp_path / 'engine'
    engine.write_text('#!/bin/sh\nexit 3\n')
    engine.chmod(0o755)
    pulumi = WarmPulumi(
        str(engine), 'pulumi', on_start=record.all.append, on_end=record.open.append
    )
    with pytest.raises(EngineStartError, match='3'):
        pulumi.start()
    assert record.all == record.open != []


def test_engine_ends_when_its_owner_cannot_note_it(tmp_path: Path, record: Record) -> None:
    """An engine whose owner fails to make a note of it does not stay."""
    engine = tmp_path / 'engine'
    engine.write_text('#!/bin/sh\nexec sleep 60\n')
    engine.chmod(0o755)

    def fail(pid: int) -> None:
        record.all.append(pid)
        raise OSError('no space left on device')

    pulumi = WarmPulumi(str(engine), 'pulumi', on_start=fail)
    with pytest.raises(OSError, match='no space'):
        pulumi.start()
    assert session_members(record.all[0]) == []
