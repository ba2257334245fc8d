"""The stock CLI under a deadline: its output as it comes, and a sure end of all it started."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from pulumi import automation as auto
from semver import VersionInfo

from warm_pulumi import ColdPulumi, CommandTimeoutError, EngineDiedError, deadline, own_deadline
from warm_pulumi.processes import start_time


@pytest.fixture
def make_pulumi(tmp_path: Path):  # type: ignore[no-untyped-def]
    """Return a function that makes a ColdPulumi of a Python script."""

    def make(code: str, **options: object) -> ColdPulumi:
        script = tmp_path / 'pulumi'
        script.write_text(f'#!{sys.executable}\n{code}')
        script.chmod(0o755)
        return ColdPulumi(str(script), VersionInfo(3, 259, 0), **options)  # type: ignore[arg-type]

    return make


def test_result(make_pulumi, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """A command gets its arguments, folder and environment, and its lines come back."""
    pulumi = make_pulumi(
        'import os, sys\nprint(sys.argv[1:], os.getcwd(), os.environ["B"])\n'
        'print("e", file=sys.stderr)',
    )
    lines: list[str] = []
    result = pulumi.run(['up', '--yes'], str(tmp_path), {'B': 'added'}, on_output=lines.append)
    assert result.stdout == f"['--non-interactive', 'up', '--yes'] {tmp_path} added"
    assert (lines, result.stderr, result.code) == ([result.stdout], 'e', 0)


def test_lines_come_while_it_runs(make_pulumi, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """A line is handed out while the command still runs."""
    flag = tmp_path / 'flag'
    pulumi = make_pulumi(
        f'import os, time\nprint("first", flush=True)\n'
        f'while not os.path.exists({str(flag)!r}): time.sleep(0.01)'
    )
    with deadline(20):
        pulumi.run(['up'], str(tmp_path), {}, on_output=lambda line: flag.touch())
    assert flag.exists()


def test_killed_by_others(make_pulumi, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """A command that somebody else kills has not failed: its engine has died."""
    pulumi = make_pulumi('import os, signal; os.kill(os.getpid(), signal.SIGKILL)')
    with pytest.raises(EngineDiedError):
        pulumi.run(['up'], str(tmp_path), {})


def test_errors_are_the_sdks_own(make_pulumi, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """A failing command raises the Automation API's class for its text."""
    pulumi = make_pulumi('import sys; sys.exit("error: no stack named x found")')
    with pytest.raises(auto.StackNotFoundError):
        pulumi.run(['stack', 'select'], str(tmp_path), {})


def test_deadline_cancels(make_pulumi, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """At the deadline a command is interrupted, and may end in its own way."""
    pulumi = make_pulumi(
        'import time\ntry:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print("cancelled")'
    )
    with deadline(0.5), pytest.raises(CommandTimeoutError, match='cancelled'):
        pulumi.run(['up'], str(tmp_path), {})


def test_deadline_kills(make_pulumi, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """A command that ignores the interrupt is killed with all its descendants."""
    child = tmp_path / 'child'
    pulumi = make_pulumi(
        'import os, signal, subprocess, sys, time\n'
        'signal.signal(signal.SIGINT, signal.SIG_IGN)\n'
        'p = subprocess.Popen(["sleep", "60"], process_group=0)\n'
        f'open({str(child)!r}, "w").write(str(p.pid))\n'
        'time.sleep(60)',
        grace=0.2,
    )
    with deadline(1), pytest.raises(CommandTimeoutError):
        pulumi.run(['up'], str(tmp_path), {})
    assert start_time(int(child.read_text())) is None


def test_deadline_spans_commands(make_pulumi, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """A deadline is one for all commands in it, except for a clean-up with its own."""
    pulumi = make_pulumi('import time\ntime.sleep(0.4)')
    with deadline(0.6):
        pulumi.run(['refresh'], str(tmp_path), {})
        with pytest.raises(CommandTimeoutError):
            pulumi.run(['up'], str(tmp_path), {})
        with own_deadline(20):
            pulumi.run(['destroy'], str(tmp_path), {})


def test_start_and_end_are_told(make_pulumi, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Whoever keeps a record learns the pid of each command, and when nothing of it is left."""
    started: list[int] = []
    ended: list[int] = []
    pulumi = make_pulumi(
        'import os; print(os.getpid())',
        on_start=started.append,
        on_end=lambda pid: ended.append(pid if start_time(pid) is None else 0),
    )
    assert pulumi.run(['up'], str(tmp_path), {}).stdout == str(started[0])
    assert ended == started


def test_end_is_told_after_a_failure(make_pulumi, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """The end of a command is told also when its owner cannot note its start."""
    ended: list[int] = []

    def fail(pid: int) -> None:
        raise OSError('no space left on device')

    pulumi = make_pulumi('import time; time.sleep(60)', on_start=fail, on_end=ended.append)
    with pytest.raises(OSError, match='no space'):
        pulumi.run(['up'], str(tmp_path), {})
    assert start_time(ended[0]) is None


def test_missing(tmp_path: Path) -> None:
    """An executable that is gone is an OSError that names it."""
    pulumi = ColdPulumi(str(tmp_path / 'gone'), VersionInfo(3, 259, 0))
    with pytest.raises(FileNotFoundError, match='gone'):
        pulumi.run(['up'], os.getcwd(), {})
