"""Copies of programs as they were when a run began, and the settings that runs find there."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from stacks import programs
from stacks.operation.snapshots import (
    Snapshots,
    digest_of,
    settings_of,
    write_settings,
)
from stacks.programs import Program
from tests.records import vault, write_program


@pytest.fixture
def program(tmp_path: Path) -> Program:
    folder = write_program(tmp_path / 'token', 'token')
    for made in ('venv', '.venvs', '__pycache__'):
        (folder / made).mkdir()
    (folder / 'Pulumi.dev.yaml').write_text('')
    (folder / 'more').mkdir()
    (folder / 'more' / 'part.py').write_text('x = 1\n')
    return Program(folder, 'token')


@pytest.fixture
def snapshots(tmp_path: Path) -> Snapshots:
    return Snapshots(tmp_path / 'copies')


def change(program: Program, text: str = 'y = 2\n') -> None:
    (program.folder / '__main__.py').write_text(text)


def test_copy(snapshots: Snapshots, program: Program) -> None:
    """A copy has all sources of the program, and nothing that is made beside them."""
    copy = snapshots.take(program)
    names = {path.relative_to(copy).as_posix() for path in copy.rglob('*')}
    assert names == {'Pulumi.yaml', 'requirements.txt', '__main__.py', 'more', 'more/part.py'}
    assert digest_of(copy) == programs.digest(program.folder)


def test_links_and_pipes(snapshots: Snapshots, program: Program) -> None:
    """A copy has the program's links as they are, and nothing that is no file or folder."""
    links = {'round': '.', 'dangling': 'none', 'more/up': '../__main__.py', 'venv-link': 'venv'}
    for name, target in links.items():
        (program.folder / name).symlink_to(target)
    os.mkfifo(program.folder / 'pipe')
    copy = snapshots.take(program)
    assert {name: os.readlink(copy / name) for name in links} == links
    assert not (copy / 'pipe').exists()
    assert digest_of(copy) == programs.digest(program.folder)


def test_venv(snapshots: Snapshots, program: Program) -> None:
    """A copy runs in the venv of the program's own folder, and is the same project else."""
    project = yaml.safe_load((snapshots.take(program) / 'Pulumi.yaml').read_text())
    venv = str(program.folder / 'venv')
    assert project['runtime'] == {'name': 'python', 'options': {'virtualenv': venv}}
    assert (project['name'], project['config']['team']) == ('token', {'type': 'string'})


def test_same_program(snapshots: Snapshots, program: Program) -> None:
    """The same program has one copy, and a changed one another, beside it."""
    first = snapshots.take(program)
    assert snapshots.take(program) == first
    change(program)
    second = snapshots.take(program)
    assert second != first
    assert first.is_dir()
    assert snapshots.kept(digest_of(first)) == first


def test_same_text_elsewhere(snapshots: Snapshots, program: Program, tmp_path: Path) -> None:
    """Two programs of the same text have copies of their own, as each has its venv."""
    other = Program(write_program(tmp_path / 'other', 'token'), 'token')
    one = Program(write_program(tmp_path / 'one', 'token'), 'token')
    first, second = snapshots.take(one), snapshots.take(other)
    assert digest_of(first) == digest_of(second)
    assert first != second


def test_nothing_kept(snapshots: Snapshots) -> None:
    """Where there is no copy, or no digest, none is found."""
    assert snapshots.kept('') is None
    assert snapshots.kept('0' * 64) is None
    snapshots.remove_all_but(set())


def test_many_at_once(snapshots: Snapshots, program: Program, tmp_path: Path) -> None:
    """All who take a new copy at once get the same whole one, and nothing else is left."""
    with ThreadPoolExecutor(8) as pool:
        for number in range(5):
            change(program, f'x = {number}\n')
            assert len(set(pool.map(snapshots.take, [program] * 8))) == 1
    left = sorted((tmp_path / 'copies').iterdir())
    assert len(left) == 5
    assert all((copy / 'more' / 'part.py').is_file() for copy in left)


def test_needed(snapshots: Snapshots, program: Program) -> None:
    """Copies that no stack needs are removed, and the others stay."""
    first = snapshots.take(program)
    change(program)
    second = snapshots.take(program)
    snapshots.remove_all_but({'', digest_of(first)})
    assert (first.is_dir(), second.is_dir()) == (True, False)


def test_settings(tmp_path: Path) -> None:
    """A stack's settings have its inputs as Pulumi reads them, for the owner alone."""
    sealed = vault().encrypt('planted')
    inputs = {'plain': {'size': 2, 'names': ['a', 'ä']}, 'secret': {'key': sealed}}
    file = settings_of(tmp_path, 'stack.one')
    file.write_text('what was there before')
    write_settings(file, vault().salt, 'token', inputs)
    assert yaml.safe_load(file.read_text()) == {
        'encryptionsalt': vault().salt,
        'config': {
            'token:size': 2,
            'token:names': ['a', 'ä'],
            'token:key': {'secure': sealed},
        },
    }
    assert file.name == 'Pulumi.stack.one.yaml'
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


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
