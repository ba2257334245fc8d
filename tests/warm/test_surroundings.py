"""A program finds at its start, and leaves at its end, what it would under the stock CLI."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
from pulumi import automation as auto

from tests.warm.conftest import new_warm
from tests.warm.project import Project
from warm_pulumi import WarmPulumi

Run = Callable[[str], list[str]]


@pytest.fixture
def run(shared_warm: WarmPulumi, project: Project) -> Run:
    """Returns a function that runs a program and gives the lines it printed."""
    stack = project.stack(shared_warm)

    def run_program(text: str) -> list[str]:
        project.write(text)
        return [line for line in messages(stack) if line.startswith('o ')]

    return run_program


def messages(stack: auto.Stack, fails: bool = False) -> list[str]:
    """All lines that an update has to show, which succeeds or fails as expected."""
    found: list[str] = []

    def add(event: auto.EngineEvent) -> None:
        if event.diagnostic_event:
            found.append(event.diagnostic_event.message)

    with pytest.raises(auto.CommandError) if fails else nullcontext():
        stack.up(on_event=add)
    return ''.join(found).splitlines()


@pytest.mark.parametrize(
    'program',
    [
        pytest.param("for i in range(3000): print('o', i)", id='lines'),
        pytest.param("print(*[f'o {i}' for i in range(3000)], sep='\\n', end='')", id='no-newline'),
        pytest.param(
            "import os; os.write(1, b''.join(b'o %d\\n' % i for i in range(3000)))", id='one-write'
        ),
    ],
)
def test_all_output_arrives(run: Run, program: str) -> None:
    """What a program leaves in its pipe at its end arrives, up to the last line."""
    assert [int(line.split()[1]) for line in run(program)] == list(range(3000))


def test_output_of_what_is_left_behind_is_bounded(run: Run) -> None:
    """A process that a program leaves behind, and that prints without end, does not hold it up."""
    program = """
        import subprocess
        subprocess.Popen(['sh', '-c', 'while echo o late; do :; done'])
        print('o last\\n', end='')
    """
    assert 'o last' in run(program)


def test_bytes_that_are_no_text(run: Run) -> None:
    """Each byte that is not UTF-8 is shown as one replacement character."""
    assert run("import os; os.write(1, b'o \\xff\\xfe.\\n')") == ['o \ufffd\ufffd.']


def test_exit_handler_that_fails(shared_warm: WarmPulumi, project: Project) -> None:
    """The report on an exit handler that fails shows no part of the host."""
    project.write("""
        import atexit, sys
        atexit.register(sys.stdout.write, 1)
        atexit.register(lambda: 1 / 0)
    """)
    shown = messages(project.stack(shared_warm))
    reports = [line for line in shown if line.startswith(('Exception ignored', 'ZeroDiv', 'TypeE'))]
    assert len(reports) == 4
    assert not [line for line in shown if 'warm_pulumi' in line]


@pytest.mark.parametrize('entry', ['None', 'object()', 'Slotted()', '1'])
def test_entry_of_sys_modules_that_is_no_module(run: Run, entry: str) -> None:
    """A program may put anything into sys.modules, as to block an import."""
    program = f"""
        import sys
        class Slotted:
            __slots__ = ()
        sys.modules['blocked'] = {entry}
        print('o fine')
    """
    assert run(program) == ['o fine']


@pytest.mark.parametrize('name', ['packages', 'ending', 'preloaded', 'zygote', 'pulumi_random'])
def test_module_of_a_folder_that_the_program_adds(run: Run, project: Project, name: str) -> None:
    """Neither the host's modules nor those that it has imported hide one that the program adds."""
    (project.folder / 'lib').mkdir()
    project.write("whose = 'ours'", f'lib/{name}.py')
    program = f"""
        import sys
        sys.path.insert(0, 'lib')
        import {name}
        print('o', {name}.whose)
    """
    assert run(program) == ['o ours']


def test_relative_path_of_modules(run: Run, project: Project) -> None:
    """A relative PYTHONPATH starts at the program's folder."""
    (project.folder / 'lib').mkdir()
    project.write("whose = 'ours'", 'lib/beside.py')
    project.env['PYTHONPATH'] = 'lib'
    assert run("import beside; print('o', beside.whose)") == ['o ours']


def test_preloaded_modules_show_when_they_are_imported(run: Run) -> None:
    """A program finds no module that it did not import, and then the whole of a package."""
    program = """
        import sys
        print('o', [name for name in sys.modules if name.startswith('pulumi_')])
        import pulumi_random
        print('o', 'pulumi_random.random_id' in sys.modules, pulumi_random.__spec__.loader_state)
        import pulumi_random.random_id, importlib
        print('o', sys.modules['pulumi_random.random_id'] is pulumi_random.random_id)
    """
    assert run(program) == ['o []', 'o True None', 'o True']


@pytest.mark.parametrize('handler', [signal.SIG_DFL, signal.SIG_IGN])
def test_hangup(engine_bin: Path, project: Project, handler: signal.Handlers) -> None:
    """A program heeds or ignores a hangup as the owner did who started the engine."""
    before = signal.signal(signal.SIGHUP, handler)
    try:
        with new_warm(engine_bin) as warm:
            project.write("import signal; print('o', signal.getsignal(signal.SIGHUP))")
            assert f'o {handler!s}' in messages(project.stack(warm))
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize('mask', [0o022, 0o077])
def test_umask_of_the_caller(run: Run, project: Project, mask: int) -> None:
    """Files of a program get the mode that the umask of the command's caller allows."""
    before = os.umask(mask)
    try:
        run("open('made', 'w').close()")
    finally:
        os.umask(before)
    assert (project.folder / 'made').stat().st_mode & 0o777 == 0o666 & ~mask


def test_file_that_a_resource_keeps_open(run: Run, project: Project) -> None:
    """What a program wrote to a file that is open at its end is in the file."""
    program = """
        import pulumi

        class Part(pulumi.ComponentResource):
            def __init__(self):
                super().__init__('my:index:Part', 'part')

        kept = open('kept', 'w')
        kept.write('written')
        Part()
    """
    run(program)
    assert (project.folder / 'kept').read_text() == 'written'


def test_finalizer_finds_its_module(run: Run, project: Project) -> None:
    """A finalizer that runs at the end of a program may use what its module has imported."""
    module = """
        import os

        class Final:
            def __del__(self):
                os.write(1, b'o final\\n')

        kept = Final()
    """
    project.write(module, 'beside.py')
    assert run('import beside') == ['o final']


LEFT_OPEN = """
    import gc, subprocess
    gc.disable()
    kept = open('/dev/null', 'w')
    process = subprocess.Popen(['true'])
    cycle = [open('/dev/null')]
    cycle.append(cycle)
    del cycle
"""
# Something that the host keeps holds the module, which is emptied then.
STAYS = "import math, sys; kept = open('/dev/null', 'a'); math.stays = sys.modules[__name__]"


def test_warnings_at_the_end(
    shared_warm: WarmPulumi, stock: auto.PulumiCommand, tmp_path: Path, engine_bin: Path
) -> None:
    """Warnings about what a program leaves open at its end are shown as without the host."""
    program = "import warnings; warnings.simplefilter('always'); import beside, staying"
    shown = []
    for name, command in (('warm', shared_warm), ('stock', stock)):
        project = Project(tmp_path / name, engine_bin, program)
        project.write(LEFT_OPEN, 'beside.py')
        project.write(STAYS, 'staying.py')
        lines = messages(project.stack(command))
        # Which layer of a file is released first, depends on Python's version.
        shown.append(sorted(re.sub('process [0-9]+|file <.*', '', line) for line in lines))
    assert len([line for line in shown[1] if 'ResourceWarning' in line]) == 4
    assert shown[0] == shown[1]


FAILING_HOOK = 'import sys; sys.excepthook = lambda *_: 1 / 0; '


@pytest.mark.parametrize('before', ['', FAILING_HOOK], ids=['', 'failing-hook'])
def test_traceback_without_the_host(
    shared_warm: WarmPulumi,
    stock: auto.PulumiCommand,
    tmp_path: Path,
    engine_bin: Path,
    before: str,
) -> None:
    """An exception that ends the interpreter is shown as without the host."""
    shown = []
    for name, command in (('warm', shared_warm), ('stock', stock)):
        project = Project(tmp_path / name, engine_bin, f"{before}raise BaseException('base')")
        lines = messages(project.stack(command), fails=True)
        told = ('File', 'Base', 'Error in', 'Zero', 'Original')
        shown.append([line for line in lines if line.lstrip().startswith(told)])
    assert len(shown[1]) >= (5 if before else 2)
    assert [line.replace('/warm/', '/stock/') for line in shown[0]] == shown[1]
