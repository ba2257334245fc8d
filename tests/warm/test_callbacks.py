"""What callbacks raise, and Ctrl-C: with the engine, and with the stock CLI under ColdPulumi."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.warm.project import Project, when
from warm_pulumi import ColdPulumi, WarmPulumi
from warm_pulumi.processes import session_members

SLOW_PROGRAM = """
    import time
    import pulumi_random
    pulumi_random.RandomPet('pet')
    print('begun', flush=True)
    time.sleep(60)
"""
# Between what is prompt on a loaded machine and the end of the program.
PROMPT = 40
NEVER = 600.0


class Sessions:
    """The sessions that were started; none of them may have members in the end."""

    def __init__(self) -> None:
        self.leaders: list[int] = []

    def left(self) -> list[int]:
        return [pid for leader in self.leaders for pid in session_members(leader)]


@pytest.fixture
def sessions() -> Iterator[Sessions]:
    sessions = Sessions()
    yield sessions
    for pid in sessions.left():
        os.kill(pid, signal.SIGKILL)


@pytest.fixture(params=['warm', 'cold'])
def make(
    request: pytest.FixtureRequest, engine_bin: Path, sessions: Sessions
) -> Callable[[float], WarmPulumi | ColdPulumi]:
    """Return a function that makes an instance with the given grace."""

    def make(grace: float) -> WarmPulumi | ColdPulumi:
        cli = str(engine_bin / 'pulumi')
        if request.param == 'cold':
            return ColdPulumi(cli, None, grace=grace, on_start=sessions.leaders.append)
        engine = str(engine_bin / 'pulumi-warm')
        return WarmPulumi(engine, cli, grace=grace, on_start=sessions.leaders.append)

    return make


Make = Callable[[float], 'WarmPulumi | ColdPulumi']


def test_failing_callback(make: Make, project: Project, caplog: pytest.LogCaptureFixture) -> None:
    """A callback that fails is logged once, and costs neither the update nor its result."""
    calls: list[str] = []

    def fail(line: str) -> None:
        calls.append(line)
        raise ValueError(line)

    pulumi = make(10)
    stack = project.stack(pulumi)
    result = stack.up(on_output=fail)
    pulumi.close()
    assert result.outputs['length'].value == 12
    assert 'Resources:' in result.stdout
    assert project.locks() == []
    assert len(calls) == 1
    assert [record.name for record in caplog.records] == ['warm_pulumi']


def test_callback_raises_keyboard_interrupt(
    make: Make, project: Project, sessions: Sessions
) -> None:
    """KeyboardInterrupt from a callback cancels the update gracefully and is raised at once."""
    project.write(SLOW_PROGRAM)
    pulumi = make(NEVER)
    stack = project.stack(pulumi)

    def interrupt() -> None:
        raise KeyboardInterrupt

    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        stack.up(on_output=when('begun', interrupt))
    assert time.monotonic() - begin < PROMPT
    assert project.locks() == []
    pulumi.close()
    assert sessions.left() == []


def test_ctrl_c(make: Make, project: Project, sessions: Sessions) -> None:
    """Ctrl-C while a command runs cancels it gracefully, and is raised at once."""
    project.write(SLOW_PROGRAM)
    pulumi = make(NEVER)
    stack = project.stack(pulumi)
    begun = threading.Event()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt), ctrl_c(begun, 1):
        stack.up(on_output=when('begun', begun.set))
    assert time.monotonic() - begin < PROMPT
    assert project.locks() == []
    pulumi.close()
    assert sessions.left() == []


def test_second_ctrl_c(make: Make, project: Project, sessions: Sessions) -> None:
    """A second Ctrl-C kills at once a command that does not react to the first."""
    project.write(SLOW_PROGRAM)
    pulumi = make(NEVER)
    stack = project.stack(pulumi)
    begun = threading.Event()

    def freeze() -> None:
        os.kill(sessions.leaders[-1], signal.SIGSTOP)
        begun.set()

    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt), ctrl_c(begun, 2):
        stack.up(on_output=when('begun', freeze))
    assert time.monotonic() - begin < PROMPT
    assert sessions.left() == []
    pulumi.close()


def test_system_exit_after_the_grace(make: Make, project: Project, sessions: Sessions) -> None:
    """A command that does not react within its grace is killed before SystemExit goes on."""
    project.write(SLOW_PROGRAM)
    pulumi = make(0.5)
    stack = project.stack(pulumi)

    def leave() -> None:
        os.kill(sessions.leaders[-1], signal.SIGSTOP)
        raise SystemExit(7)

    with pytest.raises(SystemExit):
        stack.up(on_output=when('begun', leave))
    assert sessions.left() == []
    pulumi.close()


@contextmanager
def ctrl_c(begun: threading.Event, times: int) -> Iterator[None]:
    """Presses Ctrl-C so many times once the command has begun."""

    def press() -> None:
        assert begun.wait(60)
        for _ in range(times):
            time.sleep(0.5)  # For the main thread to wait for the command, or for its grace.
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    try:
        yield
    finally:
        thread.join()
