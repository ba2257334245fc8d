"""Deaths: of the engine, its helpers and its owner, while an update runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pulumi import automation as auto

from tests.warm.project import Project, when
from warm_pulumi import EngineDiedError, WarmPulumi
from warm_pulumi.processes import session_members

SLOW_PROGRAM = """
    import time
    import pulumi_random
    pulumi_random.RandomPet('pet')
    print('begun', flush=True)
    time.sleep(60)
"""
PROGRAM_WITH_TWO_CREATIONS = """
    import time
    import pulumi_random

    def go_on(_):
        print('begun', flush=True)
        time.sleep(0.5)
        return pulumi_random.RandomPet('second').id

    pulumi_random.RandomPet('first').id.apply(go_on)
"""
QUICK_PROGRAM = "import pulumi; pulumi.export('now', 'fine')"
LIMIT = 60


def name_of(pid: int) -> str:
    """The command line of a process."""
    try:
        return Path(f'/proc/{pid}/cmdline').read_bytes().replace(b'\0', b' ').decode()
    except (FileNotFoundError, ProcessLookupError):
        return ''


def wait_until(condition: Callable[[], bool]) -> None:
    """Waits for something that has to come, or fails."""
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def kill_when_begun(warm: WarmPulumi, stack: auto.Stack, chosen: Callable[[int], bool]) -> None:
    """Runs an update and kills the chosen processes of the engine's session during it."""
    session = warm.engine_pid
    assert session is not None
    victims: list[int] = []

    def kill(line: str) -> None:
        if 'begun' in line and not victims:
            victims.extend(pid for pid in session_members(session) if chosen(pid))
            for pid in victims:
                os.kill(pid, signal.SIGKILL)

    try:
        stack.up(on_output=kill)
    finally:
        assert victims


def test_engine_killed(warm: WarmPulumi, project: Project) -> None:
    """The death of the engine is an error at once; the next command gets a fresh one."""
    project.write(SLOW_PROGRAM)
    stack = project.stack(warm)
    session = warm.engine_pid
    assert session is not None
    with pytest.raises(EngineDiedError):
        kill_when_begun(warm, stack, lambda pid: pid == session)
    assert session_members(session) == []
    stack.cancel()
    project.write(QUICK_PROGRAM)
    assert stack.up().outputs['now'].value == 'fine'
    assert warm.engine_pid != session


@pytest.mark.parametrize(
    ('part', 'program'),
    [
        pytest.param('/host ', SLOW_PROGRAM, id='zygote-and-program'),
        pytest.param('random', PROGRAM_WITH_TWO_CREATIONS, id='provider'),
    ],
)
def test_companion_killed(warm: WarmPulumi, project: Project, part: str, program: str) -> None:
    """The death of program host or provider ends in an error, and the next update succeeds."""
    project.write(program)
    stack = project.stack(warm)
    with pytest.raises(auto.CommandError):
        kill_when_begun(warm, stack, lambda pid: part in name_of(pid))
    assert project.locks() == []
    project.write(QUICK_PROGRAM)
    assert stack.up().outputs['now'].value == 'fine'


def test_idle_companions_killed(warm: WarmPulumi, project: Project) -> None:
    """Companions that die between commands are replaced without anybody noticing."""
    stack = project.stack(warm)
    stack.up()
    session = warm.engine_pid
    assert session is not None
    for pid in session_members(session):
        if pid != session:
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: session_members(session) == [session])
    assert stack.up().outputs['length'].value == 12


def test_interrupt_when_idle(warm: WarmPulumi, project: Project) -> None:
    """An interrupt between commands does not reach the next one."""
    stack = project.stack(warm)
    warm.interrupt()
    assert stack.up().outputs['length'].value == 12


def test_interrupt_cancels(warm: WarmPulumi, project: Project) -> None:
    """An interrupt cancels the running update gracefully, and the engine lives on."""
    project.write(SLOW_PROGRAM)
    stack = project.stack(warm)
    engine = warm.engine_pid
    with pytest.raises(auto.CommandError, match='cancel'):
        stack.up(on_output=when('begun', warm.interrupt))
    assert project.locks() == []
    project.write(QUICK_PROGRAM)
    assert stack.up().outputs['now'].value == 'fine'
    assert warm.engine_pid == engine


OWNER = """
    import json, os, sys
    sys.path.insert(0, {root!r})
    from pulumi import automation as auto
    from warm_pulumi import WarmPulumi
    warm = WarmPulumi({engine!r}, {cli!r})
    options = auto.LocalWorkspaceOptions(pulumi_command=warm, env_vars=json.loads({env!r}))
    stack = auto.create_or_select_stack('dev', work_dir={folder!r}, opts=options)
    print(warm.engine_pid, flush=True)
    stack.up(on_output=lambda line: print(line, flush=True))
"""


def test_owner_killed(engine_bin: Path, project: Project) -> None:
    """When the owner is killed, the update is cancelled, the lock released, and nothing stays."""
    project.write(SLOW_PROGRAM)
    owner = start_owner(engine_bin, project)
    assert owner.stdout is not None
    session = int(owner.stdout.readline())
    assert any('begun' in line for line in owner.stdout)
    assert len(session_members(session)) >= 4
    owner.kill()
    owner.wait()
    wait_until(lambda: session_members(session) == [])
    assert project.locks() == []


def start_owner(engine_bin: Path, project: Project) -> subprocess.Popen[str]:
    script = textwrap.dedent(OWNER).format(
        root=str(Path(__file__).resolve().parents[2]),
        engine=str(engine_bin / 'pulumi-warm'),
        cli=str(engine_bin / 'pulumi'),
        env=json.dumps(project.env),
        folder=str(project.folder),
    )
    return subprocess.Popen([sys.executable, '-c', script], stdout=subprocess.PIPE, text=True)


def test_owner_forks(warm: WarmPulumi, project: Project) -> None:
    """A forked copy of the owner neither ends the engine nor keeps it alive."""
    stack = project.stack(warm)
    pid = os.fork()
    if pid == 0:
        warm.close()
        os._exit(0)
    os.waitpid(pid, 0)
    assert stack.up().outputs['length'].value == 12


def test_engine_dies_in_a_thread(warm: WarmPulumi, project: Project) -> None:
    """A caller in another thread is not left waiting when the engine dies."""
    project.write(SLOW_PROGRAM)
    stack = project.stack(warm)
    outcome: list[BaseException] = []

    def up() -> None:
        try:
            kill_when_begun(warm, stack, lambda pid: True)
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=up)
    thread.start()
    thread.join(LIMIT)
    assert [type(error) for error in outcome] == [EngineDiedError]


def test_nothing_piles_up(warm: WarmPulumi, project: Project) -> None:
    """Providers that are not kept end with their command, and connections with theirs."""
    stack = project.stack(warm)
    stack.up()
    session = warm.engine_pid
    assert session is not None
    processes = len(session_members(session))
    project.env['PULUMI_DEBUG_PROVIDERS'] = 'random:'  # Given, but no address: starts its own.
    connections = open_files(session)
    rounds = 5
    for _ in range(rounds):
        stack.refresh()
        stack.preview()
    # The engine itself leaves one listener behind for each run of a program.
    wait_until(lambda: open_files(session) <= connections + rounds + 2)
    wait_until(lambda: len(session_members(session)) <= processes)


def open_files(pid: int) -> int:
    return len(os.listdir(f'/proc/{pid}/fd'))
