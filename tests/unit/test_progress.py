"""What a set-up shows of itself, and that nothing of it outlives its end."""

from __future__ import annotations

import errno
import io
import re
import shlex
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine import progress
from engine.children import Children, FailedError, StoppedError
from engine.progress import Progress, Step
from tests.paths import ROOT
from warm_pulumi.processes import start_time

# Starts a child of its own, and tells both numbers.
PARENT = """
import os, subprocess, time
print(os.getpid(), subprocess.Popen(['sleep', '600']).pid, flush=True)
time.sleep(600)
"""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Full(io.StringIO):
    def flush(self) -> None:
        raise OSError(errno.ENOSPC, 'No space left on device')


def test_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step shows how much of it is done, and a guess of the rest once that can be honest."""
    step = Step('compiling', 'packages', is_even=True)
    assert str(step) == 'compiling'
    count = step.counting(re.compile('[a-z]+'))
    step.total = 1200
    for line in ['a', 'not one', 'b']:
        count(line)
    assert str(step) == 'compiling 2 of 1,200 packages'
    step.started -= 60
    assert step.left() is None, 'two of so many tell nothing'
    step.done = 300
    assert step.left() == pytest.approx(180, rel=0.1)
    step.done = 1300
    assert str(step) == 'compiling 1,200 of 1,200 packages'
    assert step.left() == 0


def test_uneven_counts() -> None:
    """Counts that say nothing of the time that is left lead to no guess."""
    step = Step('packages', 'packages', is_even=False)
    step.total, step.done = 10, 5
    step.started -= 60
    assert step.left() is None


def test_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a log there is a whole line now and then, and one for each step that is done."""
    monkeypatch.setattr(progress, 'SELDOM', 0.05)
    out = io.StringIO()
    with Progress('Setting up', out) as shown, shown.step('one thing'):
        while 'Setting up' not in out.getvalue():
            time.sleep(0.01)
    lines = out.getvalue().splitlines()
    assert re.fullmatch(r'Setting up \(0m0\ds\): one thing', lines[0])
    assert lines[-1] == '  one thing: done in 0m00s'
    assert '\r' not in out.getvalue()


def test_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal one line changes in place, is never longer than that, and goes at the end."""
    monkeypatch.setattr(progress, 'REFRESH', 0.01)
    monkeypatch.setenv('COLUMNS', '30')
    out = Terminal()
    with Progress('Setting up', out) as shown, shown.step('a thing with a long name ' * 9):
        while out.getvalue().count('\r') < 5:
            time.sleep(0.01)
        assert all(len(part) < 40 for part in out.getvalue().split('\r\x1b[K'))
    assert out.getvalue().endswith('\r\x1b[K')


def test_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be shown, the work goes on."""
    monkeypatch.setattr(sys, 'stderr', None)
    with Progress('Setting up') as shown, shown.step('one'):
        pass
    with Progress('Setting up', Full()) as shown, shown.step('one'):
        pass


def test_failed_step() -> None:
    """A step that failed is not said to be done."""
    out = io.StringIO()
    with Progress('Setting up', out) as shown, pytest.raises(ZeroDivisionError), shown.step('one'):
        raise ZeroDivisionError
    assert 'done' not in out.getvalue()


def test_lines_and_code() -> None:
    """A command's lines are handed on as they come, and its exit code returned."""
    seen: list[str] = []
    with Children() as children:
        code = children.run(['sh', '-c', 'echo one; echo two >&2; exit 3'], on_line=seen.append)
    assert (sorted(seen), code) == (['one', 'two'], 3)


def test_command_that_is_not_there() -> None:
    """A command that cannot be started has failed, and the error names it."""
    with Children() as children, pytest.raises(FailedError, match='/nowhere/to-be-found'):
        children.check(['/nowhere/to-be-found'])


def test_nothing_outlives_the_end() -> None:
    """What still runs at the end is killed with its own children, and nothing more is started."""
    told = threading.Event()
    pids: list[int] = []

    def take(line: str) -> None:
        pids.extend(map(int, line.split()))
        told.set()

    with ThreadPoolExecutor(1) as pool, Children() as children:
        running = pool.submit(children.run, [sys.executable, '-c', PARENT], on_line=take)
        assert told.wait(10)
    with pytest.raises(StoppedError):
        running.result(timeout=10)
    assert all_end(pids)
    with pytest.raises(StoppedError):
        children.run(['true'])


def all_end(pids: list[int], seconds: float = 10) -> bool:
    ends_at = time.monotonic() + seconds
    while any(start_time(pid) for pid in pids):
        if time.monotonic() > ends_at:
            return False
        time.sleep(0.01)
    return True


def test_command_ends_with_a_killed_set_up() -> None:
    """A set-up that is killed takes with it what it runs, also what does not want to end."""
    program = f'trap "" TERM; exec "$0" -c {shlex.quote(PARENT)}'
    code = (
        'import sys\n'
        'from engine.children import Children\n'
        f'command = ["sh", "-c", {program!r}, sys.executable]\n'
        'Children().run(command, on_line=lambda line: print(line, flush=True))\n'
    )
    with subprocess.Popen([sys.executable, '-c', code], cwd=ROOT, stdout=subprocess.PIPE) as killed:
        assert killed.stdout is not None
        pids = list(map(int, killed.stdout.readline().split()))
        assert len(pids) == 2
        killed.kill()
    assert all_end(pids)


def test_what_a_command_leaves_behind() -> None:
    """A command that ends before what it has started takes that with it."""
    seen: list[str] = []
    with Children() as children:
        children.check(['sh', '-c', 'sleep 600 >/dev/null 2>&1 & echo $!'], on_line=seen.append)
    assert all_end([int(seen[0])])


def test_late_command() -> None:
    """A command that is not done in its time has failed, and is said to have been stopped."""
    with Children() as children, pytest.raises(FailedError, match='not done after 1 seconds'):
        children.check(['sleep', '600'], deadline=1)


@pytest.mark.parametrize('package', ['setup', 'engine'])
def test_old_python(package: str) -> None:
    """With a Python that is too old, set-up and engine say what they need, and how to name it."""
    done = subprocess.run(
        [sys.executable, '-c', f'import sys; sys.version_info = (3, 9, 2); import {package}'],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count('\n')) == (1, 1)
    assert 'Python 3.10 or newer is needed, this is 3.9' in done.stderr
    assert 'make serve PYTHON=' in done.stderr


@pytest.mark.parametrize('purpose', ['', 'dancing'])
def test_usage(purpose: str) -> None:
    """`python3 -m setup` says what it can be asked for."""
    done = subprocess.run(
        [sys.executable, '-m', 'setup', *purpose.split()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert '{serving,testing}' in done.stderr
