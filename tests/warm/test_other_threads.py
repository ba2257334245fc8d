"""interrupt() and close() at any moment, from any thread."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import UserDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pulumi import automation as auto

import warm_pulumi.pulumi
from tests import processes
from tests.warm.project import Project, when
from warm_pulumi import ClosedError, ColdPulumi, EngineDiedError, WarmPulumi
from warm_pulumi.processes import session_members

SLOW_PROGRAM = """
    import time
    print('begun', flush=True)
    time.sleep(60)
"""
QUICK_PROGRAM = "import pulumi; pulumi.export('now', 'fine')"
# Between what is prompt on a loaded machine and the end of the program.
PROMPT = 40
NEVER = 600.0

Make = Callable[..., WarmPulumi]


@pytest.fixture
def leaders() -> Iterator[list[int]]:
    """The sessions that were started; none may have members in the end."""
    leaders: list[int] = []
    yield leaders
    left = [pid for leader in leaders for pid in session_members(leader)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == []


@pytest.fixture
def make(engine_bin: Path, leaders: list[int]) -> Iterator[Make]:
    """Return a function that makes an instance, closed after the test."""
    made: list[WarmPulumi] = []

    def make(engine: Path = engine_bin / 'pulumi-warm', **options: Any) -> WarmPulumi:
        cli = str(engine_bin / 'pulumi')
        made.append(WarmPulumi(str(engine), cli, on_start=leaders.append, **options))
        return made[-1]

    yield make
    for pulumi in made:
        pulumi.close()


class Call:
    """A call in a thread of its own."""

    def __init__(self, function: Callable[[], object]) -> None:
        self.error: BaseException | None = None
        self._function = function
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def ended(self) -> bool:
        """Whether it ends in time."""
        self._thread.join(PROMPT)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._function()
        except BaseException as error:
            self.error = error


class Environ(UserDict[str, str]):
    """An environment that does something when a command reads it: just before it is sent."""

    action: Callable[[], object] = staticmethod(lambda: None)

    def keys(self) -> Any:
        action, self.action = self.action, lambda: None
        action()
        return super().keys()


@pytest.fixture
def environ() -> Environ:
    return Environ(os.environ)


def test_interrupt_before_the_command_is_sent(
    make: Make, project: Project, environ: Environ
) -> None:
    """An interrupt that comes when the turn is taken, but nothing sent, keeps the command back."""
    pulumi = make(environ=environ)
    stack = project.stack(pulumi)
    environ.action = pulumi.interrupt
    with pytest.raises(auto.CommandError, match='before it began'):
        stack.up()
    assert stack.up().outputs['length'].value == 12


def test_close_before_the_command_is_sent(make: Make, project: Project, environ: Environ) -> None:
    """So does close(), which has then no command to wait for."""
    pulumi = make(environ=environ)
    project.write(SLOW_PROGRAM)
    stack = project.stack(pulumi)
    closing: list[Call] = []

    def close() -> None:
        closing.append(Call(pulumi.close))
        time.sleep(0.2)

    environ.action = close
    running = Call(stack.up)
    assert running.ended()
    assert isinstance(running.error, ClosedError)
    assert closing[0].ended()


@pytest.fixture
def late_engine(tmp_path: Path, engine_bin: Path) -> Path:
    """An engine that takes a minute to start."""
    script = tmp_path / 'late-engine'
    script.write_text(f'#!/bin/sh\nsleep 60\nexec {engine_bin}/pulumi-warm "$@"\n')
    script.chmod(0o755)
    return script


@pytest.mark.parametrize('wish', ['interrupt', 'close'])
def test_while_the_engine_starts(
    make: Make, project: Project, late_engine: Path, leaders: list[int], wish: str
) -> None:
    """A command whose engine is still starting does not begin, and the engine ends."""
    pulumi = make(late_engine)
    running = Call(lambda: project.run(pulumi, 'whoami'))
    while not leaders:
        time.sleep(0.01)
    assert Call(getattr(pulumi, wish)).ended()
    assert running.ended()
    expected = {'interrupt': auto.CommandError, 'close': ClosedError}[wish]
    assert type(running.error) is expected
    assert session_members(leaders[0]) == []


def test_deadline_holds_while_the_engine_starts(
    make: Make, project: Project, late_engine: Path
) -> None:
    """The time that an engine takes to start counts against the deadline."""
    pulumi = make(late_engine, timeout=0.5)
    begin = time.monotonic()
    with pytest.raises(warm_pulumi.CommandTimeoutError):
        project.run(pulumi, 'whoami')
    assert time.monotonic() - begin < PROMPT


def test_cancel_while_the_engine_starts(
    make: Make, project: Project, leaders: list[int], late_engine: Path
) -> None:
    """A cancel from another thread does not wait for the first engine."""
    pulumi = make(late_engine)
    running = Call(lambda: project.run(pulumi, 'whoami'))
    while not leaders:
        time.sleep(0.01)
    cancelling = Call(lambda: project.run(pulumi, 'cancel', '--yes', '--stack', 'no-such'))
    assert cancelling.ended()
    assert isinstance(cancelling.error, auto.StackNotFoundError)
    pulumi.close()
    assert running.ended()


def test_close_reaches_those_who_wait(make: Make, project: Project) -> None:
    """Of several threads one is cancelled by close(), and the rest do not get their turn."""
    project.write(SLOW_PROGRAM)
    pulumi = make()
    stacks = [project.stack(pulumi, f'stack-{number}') for number in range(3)]
    begun = threading.Event()
    calls = [Call(lambda: stacks[0].up(on_output=when('begun', begun.set)))]
    assert begun.wait(PROMPT)
    calls += [Call(stacks[1].up), Call(stacks[2].up)]
    closings = [Call(pulumi.close) for _ in range(3)]
    assert all(call.ended() for call in closings + calls)
    assert [type(call.error) for call in calls] == [auto.CommandError, ClosedError, ClosedError]
    assert [call.error for call in closings] == [None] * 3
    assert project.locks() == []


def test_close_in_a_callback(make: Make, project: Project, leaders: list[int]) -> None:
    """close() in a callback of a command cancels that, and the engine ends with it."""
    project.write(SLOW_PROGRAM)
    pulumi = make()
    stack = project.stack(pulumi)
    running = Call(lambda: stack.up(on_output=when('begun', pulumi.close)))
    assert running.ended()
    assert type(running.error) is auto.CommandError
    assert session_members(leaders[0]) == []
    assert project.locks() == []
    with pytest.raises(ClosedError):
        stack.outputs()


@pytest.mark.parametrize('where', ['event', 'program'])
def test_close_where_a_command_waits(
    make: Make, project: Project, leaders: list[int], where: str
) -> None:
    """close() in an inline program, or where events are heard, does not wait for that command."""
    pulumi = make(grace=NEVER)

    def close(*_: object) -> None:
        pulumi.close()

    stack = project.inline_stack(pulumi, close if where == 'program' else lambda: None)
    running = Call(lambda: stack.up(on_event=close if where == 'event' else None))
    assert running.ended()
    assert isinstance(running.error, auto.CommandError)
    assert session_members(leaders[0]) == []
    assert project.locks() == []


def test_close_in_a_signal_handler(make: Make, project: Project, leaders: list[int]) -> None:
    """close() in a signal handler, while its own thread runs a command, ends that as well."""
    project.write(SLOW_PROGRAM)
    pulumi = make()
    stack = project.stack(pulumi)
    before = signal.signal(signal.SIGUSR1, lambda number, frame: pulumi.close())
    try:
        with pytest.raises(auto.CommandError, match='cancel'):
            stack.up(on_output=when('begun', lambda: os.kill(os.getpid(), signal.SIGUSR1)))
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert session_members(leaders[0]) == []
    assert project.locks() == []


def test_close_kills_after_the_grace(make: Make, project: Project, leaders: list[int]) -> None:
    """A command that does not react to close() within its grace is killed."""
    project.write(SLOW_PROGRAM)
    pulumi = make(grace=0.5)
    stack = project.stack(pulumi)
    frozen = threading.Event()

    def freeze() -> None:
        os.kill(leaders[0], signal.SIGSTOP)
        frozen.set()

    running = Call(lambda: stack.up(on_output=when('begun', freeze)))
    assert frozen.wait(PROMPT)
    assert Call(pulumi.close).ended()
    assert running.ended()
    assert isinstance(running.error, EngineDiedError)


def test_close_does_not_wait_for_a_callback(
    make: Make, project: Project, leaders: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A callback that never returns keeps its own thread, but neither close() nor the engine."""
    monkeypatch.setattr(warm_pulumi.pulumi, '_CLOSE_LIMIT', 0.5)
    project.write(SLOW_PROGRAM)
    pulumi = make(grace=0.5)
    stack = project.stack(pulumi)
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        release.wait()

    running = Call(lambda: stack.up(on_output=when('begun', hold)))
    assert held.wait(PROMPT)
    assert Call(pulumi.close).ended()
    assert session_members(leaders[0]) == []
    release.set()
    assert running.ended()
    assert isinstance(running.error, EngineDiedError)


def test_close_reaches_a_command_in_a_callback(
    make: Make, project: Project, tmp_path: Path, leaders: list[int]
) -> None:
    """close() also ends the command that a callback of another one runs."""
    inner = Project(tmp_path / 'inner', Path(make().command).parent, SLOW_PROGRAM)
    pulumi = make()
    stack, inner_stack = project.stack(pulumi), inner.stack(pulumi)
    begun = threading.Event()
    running = Call(
        lambda: stack.up(
            on_output=when('Updating', lambda: inner_stack.up(on_output=when('begun', begun.set)))
        )
    )
    assert begun.wait(PROMPT)
    assert Call(pulumi.close).ended()
    assert running.ended()
    assert len(leaders) == 2
    assert (project.locks(), inner.locks()) == ([], [])


def test_forked_copy_leaves_the_command_alone(make: Make, project: Project) -> None:
    """A copy of the owner that is forked while a command runs cannot cancel that."""
    project.write("import time, pulumi; print('begun', flush=True); time.sleep(2)")
    pulumi = make()
    stack = project.stack(pulumi)
    begun = threading.Event()
    running = Call(lambda: stack.up(on_output=when('begun', begun.set)))
    assert begun.wait(PROMPT)
    pid = os.fork()
    if pid == 0:
        pulumi.interrupt()
        pulumi.close()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert running.ended()
    assert running.error is None


def test_engine_that_takes_no_request(
    make: Make, project: Project, leaders: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that does not read the request is given up, however large that is."""
    monkeypatch.setattr(warm_pulumi.engine_process, '_SEND_LIMIT', 0.5)
    pulumi = make()
    project.run(pulumi, 'whoami')
    processes.freeze(leaders[0])
    running = Call(lambda: project.run(pulumi, 'whoami', env={'LARGE': 'x' * (1 << 20)}))
    assert running.ended()
    assert isinstance(running.error, EngineDiedError)
    project.run(pulumi, 'whoami')


def test_cold_close(engine_bin: Path, project: Project, leaders: list[int]) -> None:
    """ColdPulumi ends its commands as well, and runs no more."""
    project.write(SLOW_PROGRAM)
    pulumi = ColdPulumi(str(engine_bin / 'pulumi'), None, on_start=leaders.append)
    stack = project.stack(pulumi)
    begun = threading.Event()
    running = Call(lambda: stack.up(on_output=when('begun', begun.set)))
    assert begun.wait(PROMPT)
    assert Call(pulumi.close).ended()
    assert running.ended()
    assert type(running.error) is auto.CommandError
    assert project.locks() == []
    with pytest.raises(ClosedError):
        stack.outputs()


@pytest.mark.parametrize('seed', range(3))
def test_everything_at_once(make: Make, project: Project, whole: bool, seed: int) -> None:
    """Whatever runs, interrupts and closes when, each command ends in a way of its own kind."""
    chance = random.Random(seed)
    project.write(QUICK_PROGRAM)
    for _ in range(10 if whole else 2):
        pulumi = make(grace=5)
        project.stack(pulumi)
        runners = [Call(_many_commands(pulumi, project, chance.random())) for _ in range(3)]
        end = time.monotonic() + 1 + 2 * chance.random()
        while time.monotonic() < end:
            time.sleep(0.05 * chance.random())
            pulumi.interrupt()
        closings = [Call(pulumi.close) for _ in range(2)]
        assert all(call.ended() for call in runners + closings)
        assert [type(call.error) for call in runners] == [ClosedError] * 3
        assert [call.error for call in closings] == [None] * 2
        assert project.locks() == []


def _many_commands(pulumi: WarmPulumi, project: Project, seed: float) -> Callable[[], None]:
    chance = random.Random(seed)
    commands = [
        ('whoami',),
        ('stack', 'ls'),
        ('preview', '--stack', 'dev'),
        ('cancel', '--yes', '--stack', 'dev'),
        ('plugin', 'ls'),
    ]

    def run() -> None:
        while True:
            try:
                project.run(pulumi, *chance.choice(commands))
            except EngineDiedError:
                raise
            except auto.CommandError:
                pass

    return run
