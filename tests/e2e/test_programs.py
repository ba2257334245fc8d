"""What programs do, on the real engine: the burner's last branch, and one that raises."""

from __future__ import annotations

import functools
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import api
import basic_pulumi
import engine
from basic_pulumi import ProgramFailedError
from settings import Settings
from slots.pool import Slots
from workspaces import opening

MakeSlots = Callable[[str], Slots]


@contextmanager
def slots_of(program: str, state: Path, **given: object) -> Iterator[Slots]:
    """Slots of one program with names of their own, removed afterwards."""
    settings = Settings(state_dir=state, stack=f'test-{secrets.token_hex(4)}', **given)  # type: ignore[arg-type]
    folder = Path(basic_pulumi.find_local(program))
    slots = Slots(settings, program, functools.partial(opening.open_workspace, settings, folder))
    try:
        yield slots
    finally:
        slots.close()
        for settings_file in folder.glob(f'Pulumi.{settings.stack}*.yaml'):
            settings_file.unlink()


def resources(state: Path) -> list[object]:
    found = []
    for checkpoint in (state / 'backend' / '.pulumi' / 'stacks').rglob('*.json'):
        latest = json.loads(checkpoint.read_text())['checkpoint']['latest'] or {}
        found += latest.get('resources', [])
    return found


def test_else_branch(tmp_path: Path, built_engine: engine.Engine) -> None:
    """Asked for something it does not know, the burner program answers in its own words."""
    with slots_of('burner-program', tmp_path, engine='warm') as slots:
        result = api.spin_up_program('a pony', slots)
    assert result.outputs['a pony'].value == 'Give me something I can work with.'


@pytest.mark.parametrize(
    'mode', ['warm', pytest.param('cli', marks=pytest.mark.slow)], indirect=True
)
def test_raising_program(
    tmp_path: Path, built_engine: engine.Engine, mode: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """A program that raises is a failed program, and what it had made is destroyed."""
    with (
        slots_of('tests/programs/raising', tmp_path, engine=mode) as slots,
        pytest.raises(ProgramFailedError, match='ArithmeticError'),
    ):
        api.spin_up_program('id', slots)
    output = capfd.readouterr()
    assert 'error: Failure when trying to update the stack:' in output.err
    assert 'made-before-the-failure deleted' in output.out
    assert resources(tmp_path) == []
