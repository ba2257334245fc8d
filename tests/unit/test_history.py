"""The histories of stacks that last do not grow for ever."""

from __future__ import annotations

from pathlib import Path

from settings import Settings
from workspaces import history
from workspaces.history import EVERY, KEPT, History


def write_entries(folder: Path, moments: range) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for moment in moments:
        for kind in ('history.json', 'checkpoint.json', 'checkpoint.json.attrs'):
            (folder / f'stack.web-{10**18 + moment}.{kind}').touch()


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_newest_files_stay(tmp_path: Path) -> None:
    """The newest entries stay with all of their files, and so does what is no entry."""
    (tmp_path / 'notes.txt').touch()
    write_entries(tmp_path, range(5))
    history.shorten_files(tmp_path, kept=2)
    kept = {
        f'stack.web-{10**18 + moment}.{kind}'
        for moment in (3, 4)
        for kind in ('history.json', 'checkpoint.json', 'checkpoint.json.attrs')
    }
    assert names(tmp_path) == {*kept, 'notes.txt'}


def test_no_files(tmp_path: Path) -> None:
    """A stack without a history, or with a short one, stays as it is."""
    history.shorten_files(tmp_path / 'missing')
    write_entries(tmp_path, range(KEPT))
    before = names(tmp_path)
    history.shorten_files(tmp_path)
    assert names(tmp_path) == before


def test_embedded_backend(tmp_path: Path) -> None:
    """After the first run and each tenth from then on, old entries of that stack alone go."""
    folder = tmp_path / 'backend/.pulumi/history/files'
    shortened = History(Settings(state_dir=tmp_path))
    for name in ('stack.web', 'stack.web-2'):
        write_entries(folder / name, range(50))
    shortened.after_run('files', 'stack.web')
    assert len(names(folder / 'stack.web')) == 3 * KEPT
    assert len(names(folder / 'stack.web-2')) == 150
    write_entries(folder / 'stack.web', range(50, 100))
    for _ in range(EVERY - 1):
        shortened.after_run('files', 'stack.web')
    assert len(names(folder / 'stack.web')) == 3 * (KEPT + 50)
    shortened.after_run('files', 'stack.web')
    assert len(names(folder / 'stack.web')) == 3 * KEPT


def test_other_backends(tmp_path: Path) -> None:
    """A backend that is neither of the two is left alone; a failure is only told."""
    History(Settings(state_dir=tmp_path, backend_url='s3://bucket')).after_run('a', 'b')
    away = 'postgres://me:planted@127.0.0.1:1/x'
    History(Settings(state_dir=tmp_path, backend_url=away)).after_run('a', 'b')
