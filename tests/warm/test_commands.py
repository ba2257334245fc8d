"""Commands through the Automation API: results, callbacks, errors, deadlines."""

from __future__ import annotations

import copy
import os
import pickle
import signal
import threading
import time
from pathlib import Path

import pulumi
import pytest
from pulumi import automation as auto

from tests.warm.project import Project, when
from warm_pulumi import ClosedError, CommandTimeoutError, WarmPulumi, deadline
from warm_pulumi.processes import session_members

SLOW_PROGRAM = """
    import time
    import pulumi
    print('begun', flush=True)
    time.sleep(60)
"""


def test_whole_life_of_a_stack(shared_warm: WarmPulumi, project: Project) -> None:
    """A local program is created, changed, refreshed, read and destroyed."""
    stack = project.stack(shared_warm)
    stack.set_config('length', auto.ConfigValue('7'))
    stack.set_config('token', auto.ConfigValue('hidden', secret=True))
    assert stack.preview().change_summary == {'create': 2}
    first = stack.up()
    assert first.outputs['length'].value == 7
    assert first.outputs['result'].secret
    stack.refresh()
    assert stack.outputs()['result'].value == first.outputs['result'].value
    assert stack.get_config('token').value == 'hidden'
    assert stack.destroy().summary.resource_changes == {'delete': 2}
    assert [update.kind for update in stack.history()][:2] == ['destroy', 'refresh']


def test_inline_program(shared_warm: WarmPulumi, project: Project) -> None:
    """An inline program runs in the calling process, through the SDK's own language host."""
    stack = project.inline_stack(shared_warm, lambda: pulumi.export('answer', 42))
    assert stack.up().outputs['answer'].value == 42


def test_folder_named_from_here(
    shared_warm: WarmPulumi, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative work_dir is meant from where its caller stands, with each command."""
    monkeypatch.chdir(project.folder.parent)
    project.folder = Path(project.folder.name)
    stack = project.stack(shared_warm)
    assert stack.preview().change_summary == {'create': 2}


def test_output_arrives_while_the_command_runs(shared_warm: WarmPulumi, project: Project) -> None:
    """Lines reach on_output before the command has ended."""
    project.write("""
        import pathlib, time
        print('waiting for the test', flush=True)
        while not pathlib.Path('seen').exists():
            time.sleep(0.01)
    """)

    def see(line: str) -> None:
        if 'waiting for the test' in line:
            (project.folder / 'seen').touch()

    result = project.stack(shared_warm).up(on_output=see)
    assert 'waiting for the test' in result.stdout


def test_events_arrive(shared_warm: WarmPulumi, project: Project) -> None:
    """on_event gets the engine's events, in order, up to the summary."""
    events: list[auto.EngineEvent] = []
    project.stack(shared_warm).up(on_event=events.append)
    assert [event.sequence for event in events] == sorted(event.sequence for event in events)
    assert any(event.resource_pre_event for event in events)
    assert any(event.summary_event for event in events)


@pytest.mark.timeout(60)
def test_command_within_a_callback(shared_warm: WarmPulumi, project: Project) -> None:
    """A callback may itself run commands."""
    names: list[str] = []
    stack = project.stack(shared_warm)
    stack.up(on_output=when('Updating', lambda: names.append(stack.workspace.who_am_i().user)))
    stack.up(on_output=when('Updating', shared_warm.start))  # which it has
    assert len(names) == 1


@pytest.mark.timeout(60)
def test_command_within_an_event(shared_warm: WarmPulumi, project: Project) -> None:
    """What hears of events may itself run commands, though the command waits for it."""
    names: list[str] = []
    stack = project.stack(shared_warm)

    def ask(event: auto.EngineEvent) -> None:
        shared_warm.start()  # which it has
        if len(names) < 2:
            names.append(stack.workspace.who_am_i().user)

    stack.up(on_event=ask)
    assert len(names) == 2


@pytest.mark.timeout(60)
def test_command_within_an_inline_program(shared_warm: WarmPulumi, project: Project) -> None:
    """An inline program may read the outputs of another stack, or update that."""
    base = project.inline_stack(shared_warm, lambda: pulumi.export('network', 'net-1'), 'base')
    base.up()

    def program() -> None:
        pulumi.export('read', base.outputs()['network'].value)
        pulumi.export('updated', base.up().outputs['network'].value)

    outputs = project.inline_stack(shared_warm, program, 'app').up().outputs
    assert {name: output.value for name, output in outputs.items()} == {
        'read': 'net-1',
        'updated': 'net-1',
    }


@pytest.mark.parametrize('folder', ['nowhere', 'Pulumi.yaml'])
def test_missing_folder(
    shared_warm: WarmPulumi, stock: auto.PulumiCommand, project: Project, folder: str
) -> None:
    """A folder that is not there is the same error as with the stock CLI."""
    errors = []
    for pulumi_command in (shared_warm, stock):
        with pytest.raises(OSError, match=folder) as caught:
            pulumi_command.run(['whoami'], str(project.folder / folder), project.env)
        errors.append((type(caught.value), str(caught.value)))
    assert errors[0] == errors[1]


def test_copied_options(shared_warm: WarmPulumi) -> None:
    """Copied options share the instance; one that is to be pickled says what to do instead."""
    options = auto.LocalWorkspaceOptions(pulumi_command=shared_warm)
    assert copy.deepcopy(options).pulumi_command is copy.copy(shared_warm) is shared_warm
    with pytest.raises(TypeError, match='make one in each process'):
        pickle.dumps(shared_warm)


def test_missing_stack(shared_warm: WarmPulumi, project: Project) -> None:
    """Selecting a stack that does not exist raises StackNotFoundError."""
    options = auto.LocalWorkspaceOptions(pulumi_command=shared_warm, env_vars=project.env)
    with pytest.raises(auto.StackNotFoundError):
        auto.select_stack('nowhere', work_dir=str(project.folder), opts=options)


def test_concurrent_update(shared_warm: WarmPulumi, warm: WarmPulumi, project: Project) -> None:
    """An update of a stack that another engine updates raises ConcurrentUpdateError."""
    project.write(SLOW_PROGRAM)
    begun = threading.Event()
    stack = project.stack(warm)
    thread = threading.Thread(target=_until_cancelled, args=(stack, begun))
    thread.start()
    try:
        assert begun.wait(30)
        with pytest.raises(auto.ConcurrentUpdateError):
            project.stack(shared_warm).refresh()
    finally:
        warm.interrupt()
        thread.join(30)
    assert project.locks() == []


def _until_cancelled(stack: auto.Stack, begun: threading.Event) -> None:
    with pytest.raises(auto.CommandError):
        stack.up(on_output=when('begun', begun.set))


def test_threads_take_turns(shared_warm: WarmPulumi, project: Project) -> None:
    """Commands of several threads all succeed, one after another."""
    stacks = [project.stack(shared_warm, f'stack-{number}') for number in range(4)]
    failures: list[Exception] = []

    def up(stack: auto.Stack) -> None:
        try:
            stack.up()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=up, args=(stack,)) for stack in stacks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []


def test_late_command_is_cancelled(shared_warm: WarmPulumi, project: Project) -> None:
    """A command that misses its deadline is cancelled gracefully, and the engine lives on."""
    stack = project.stack(shared_warm)
    stack.preview()
    engine = shared_warm.engine_pid
    project.write(SLOW_PROGRAM)
    with pytest.raises(CommandTimeoutError) as caught, deadline(1.5):
        stack.up()
    assert not caught.value.killed
    assert project.locks() == []
    project.write("import pulumi; pulumi.export('now', 'fine')")
    assert stack.up().outputs['now'].value == 'fine'
    assert shared_warm.engine_pid == engine


def test_deadline_covers_several_commands(shared_warm: WarmPulumi, project: Project) -> None:
    """One deadline holds for all commands of its block, and only for those."""
    stack = project.stack(shared_warm)
    with deadline(0.2):
        time.sleep(0.3)
        with pytest.raises(CommandTimeoutError):
            stack.outputs()
    assert stack.outputs() == {}


def test_command_that_resists_is_killed(warm: WarmPulumi, project: Project) -> None:
    """An engine that does not react to being cancelled is killed with all its processes."""
    warm.grace = 0.3
    project.write(SLOW_PROGRAM)
    stack = project.stack(warm)
    engine = warm.engine_pid
    assert engine is not None

    def freeze(line: str) -> None:
        if 'begun' in line:
            os.kill(engine, signal.SIGSTOP)

    with pytest.raises(CommandTimeoutError) as caught, deadline(3):
        stack.up(on_output=freeze)
    assert caught.value.killed
    assert session_members(engine) == []
    stack.cancel()
    assert project.locks() == []
    project.write("import pulumi; pulumi.export('now', 'fine')")
    assert stack.up().outputs['now'].value == 'fine'


def test_recycled_after_so_many_commands(engine_bin: Path, project: Project) -> None:
    """The engine is replaced between commands when it has served its time, and tells before."""
    pids = []
    worn = []
    with WarmPulumi(
        str(engine_bin / 'pulumi-warm'), str(engine_bin / 'pulumi'), max_commands=2
    ) as pulumi_:
        assert not pulumi_.is_worn
        for _ in range(4):
            project.run(pulumi_, 'whoami')
            pids.append(pulumi_.engine_pid)
            worn.append(pulumi_.is_worn)
    assert worn == [False, True, False, True]
    assert pids[0] == pids[1] != pids[2] == pids[3]


def test_closed(engine_bin: Path, project: Project) -> None:
    """A closed WarmPulumi refuses commands and leaves no process."""
    pulumi_ = WarmPulumi(str(engine_bin / 'pulumi-warm'), str(engine_bin / 'pulumi'))
    project.stack(pulumi_).up()
    session = pulumi_.engine_pid
    assert session is not None
    pulumi_.close()
    assert session_members(session) == []
    with pytest.raises(ClosedError):
        project.run(pulumi_, 'whoami')


def test_version(shared_warm: WarmPulumi) -> None:
    """The version is that of the engine, without a process to ask for it."""
    assert shared_warm.version.major == 3
    assert isinstance(shared_warm, auto.PulumiCommand)
