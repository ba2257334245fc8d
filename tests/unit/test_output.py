"""What a run prints: an output that is closed, broken or poor in characters harms no run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = """
import os
import sys
from pathlib import Path

from pulumi import automation as auto

import basic_pulumi
from tests.fake_pulumi import FakePulumi


class Loud(FakePulumi):
    def _up(self, args, stack):
        return super()._up(args, stack) + '\\né ☃ \\udcff'


def main(kind):
    command = Loud()
    command.outputs = lambda request: {'id': 'é ☃'}
    options = auto.LocalWorkspaceOptions(pulumi_command=command)
    context = basic_pulumi.set_context('org', 'burner-program', 'dev', 'burner-program', 'id')
    stack = basic_pulumi.set_stack(context, options)
    basic_pulumi.configure_project(stack, context)
    if kind == 'closed-later':
        sys.stdout.close()
        sys.stderr.close()
    basic_pulumi.refresh_stack(stack)
    basic_pulumi.update_stack(stack)
    command.failures['destroy'] = ['error: ☃']
    try:
        basic_pulumi.destroy_stack(stack, destroy=True)
    except basic_pulumi.ProgramFailedError:
        basic_pulumi.destroy_stack(stack, destroy=True)
        Path('done').touch()


main(sys.argv[1])
os._exit(0)  # Without the interpreter's own last attempt to write.
"""
ROOT = Path(__file__).resolve().parents[2]


def run(tmp_path: Path, kind: str, *, shell: str = '', **given: object) -> bool:
    """Runs the steps in a process with such an output; returns whether they did what they do."""
    command = [sys.executable, '-c', RUN, kind]
    if shell:
        command = ['sh', '-c', f'exec "$@" {shell}', 'sh', *command]
    environ = {**os.environ, 'PYTHONPATH': str(ROOT), 'PYTHONIOENCODING': 'ascii'}
    subprocess.run(command, cwd=tmp_path, env=environ, timeout=60, check=False, **given)  # type: ignore[call-overload]
    return (tmp_path / 'done').exists()


def test_broken_pipe(tmp_path: Path) -> None:
    """Nobody reads the output any more."""
    read, write = os.pipe()
    os.close(read)
    try:
        assert run(tmp_path, 'broken', stdout=write, stderr=write)
    finally:
        os.close(write)


def test_full_device(tmp_path: Path) -> None:
    """The output goes to a disk that is full."""
    with open('/dev/full', 'w') as full:
        assert run(tmp_path, 'full', stdout=full, stderr=full)


@pytest.mark.parametrize('kind', ['closed-before', 'closed-later'])
def test_closed(tmp_path: Path, kind: str) -> None:
    """The output was closed, before Python started or since."""
    assert run(tmp_path, kind, shell='>&- 2>&-' if kind == 'closed-before' else '')


def test_ascii(tmp_path: Path) -> None:
    """The output knows no other characters than ASCII: the rest is written as escapes."""
    with open(tmp_path / 'out', 'w') as out:
        assert run(tmp_path, 'ascii', stdout=out, stderr=out)
    text = (tmp_path / 'out').read_text(encoding='ascii')
    assert '\n\\xe9 \\u2603 \\udcff\n' in text
    assert 'info: Output: \\xe9 \\u2603\n' in text
