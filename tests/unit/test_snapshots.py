"""Copies of programs: what is used stays, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacks import programs
from stacks.operation.snapshots import Snapshots, digest_of
from stacks.programs import Program


@pytest.fixture
def program(tmp_path: Path) -> Program:
    folder = tmp_path / 'small'
    folder.mkdir()
    (folder / 'Pulumi.yaml').write_text('name: small\nruntime: python\n')
    (folder / 'requirements.txt').touch()
    (folder / '__main__.py').touch()
    return programs.read(folder)


def test_used_by_another_service(tmp_path: Path, program: Program) -> None:
    """A copy that a run uses is not removed, though no stack was applied with it yet."""
    here, other = Snapshots(tmp_path / 'kept'), Snapshots(tmp_path / 'kept')
    with here.using(lambda: here.take(program)) as copy:
        other.remove_all_but({''})
        assert (copy / '__main__.py').exists()
    other.remove_all_but({digest_of(copy)})
    assert copy.exists()
    other.remove_all_but({''})
    assert list((tmp_path / 'kept').iterdir()) == []


def test_removed_in_the_last_moment(tmp_path: Path, program: Program) -> None:
    """A copy that is removed just before it is used is made again."""
    snapshots = Snapshots(tmp_path / 'kept')
    removals = [{''}]

    def find() -> Path:
        copy = snapshots.take(program)
        if removals:
            snapshots.remove_all_but(removals.pop())
        return copy

    with snapshots.using(find) as copy:
        assert (copy / '__main__.py').exists()


def test_what_the_dead_left(tmp_path: Path) -> None:
    """A copy that a service had not finished when it died is removed."""
    (tmp_path / 'kept' / '.unfinished-abc' / 'program').mkdir(parents=True)
    Snapshots(tmp_path / 'kept').remove_all_but({''})
    assert list((tmp_path / 'kept').iterdir()) == []
