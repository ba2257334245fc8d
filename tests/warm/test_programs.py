"""The program host: a program must not notice that it is not started by the stock host."""

from __future__ import annotations

import pytest
from pulumi import automation as auto

from tests.warm.project import Project
from warm_pulumi import WarmPulumi

ENDINGS = {
    'exits': 'import sys; print("out"); sys.exit(3)',
    'exits-with-text': 'import sys; sys.exit("a reason")',
    'raises': 'def fail():\n    raise ValueError("wrong")\nfail()',
    'run-error': 'import pulumi; raise pulumi.RunError("known")',
    'missing-import': 'import no_such_module',
    'syntax-error': 'def',
    'dies': 'import os; os._exit(5)',
    'crashes': 'import ctypes; ctypes.string_at(0)',
    # All that a program may do on its way, as far as the one does not hide the other.
    'ordinary': (
        'import os, subprocess, sys, __main__, pulumi\n'
        'print("to stdout"); print("to stderr", file=sys.stderr)\n'
        'pulumi.log.warn("careful"); pulumi.info("so it is")\n'
        'kept = open("kept.txt", "w"); kept.write("written")\n'
        'subprocess.run(["echo", "from a child"])\n'
        'print(os.getcwd(), sys.argv[1:], sys.path[0], __file__, __name__, sys.stdin.read())\n'
        'print("PULUMI_DEBUG_LANGUAGES" in os.environ, "PULUMI_DEBUG_PROVIDERS" in os.environ)\n'
        'print(pulumi.get_project(), pulumi.get_stack(), pulumi.get_organization(),'
        ' pulumi.runtime.is_dry_run())'
    ),
    'late': (
        'import atexit, threading, time\n'
        'atexit.register(print, "at the exit")\n'
        'threading.Thread(target=lambda: (time.sleep(0.2), print("from a thread"))).start()'
    ),
    'no-newline': 'import sys; sys.stdout.write("half a line")',
}


@pytest.mark.parametrize('program', [pytest.param(ENDINGS[name], id=name) for name in ENDINGS])
def test_ends_as_under_the_stock_host(
    shared_warm: WarmPulumi, cold: auto.PulumiCommand, project: Project, program: str
) -> None:
    """However a program ends, and whatever it prints, the outcome is that of the stock CLI."""
    project.write(program)
    project.stack(shared_warm)
    kept = project.folder / 'kept.txt'
    outcomes = []
    for command in (cold, shared_warm):
        kept.unlink(missing_ok=True)
        outcomes.append(
            (project.outcome(command, 'preview'), kept.read_text() if kept.exists() else None)
        )
    assert outcomes[0] == outcomes[1]


def test_changed_program_and_module(shared_warm: WarmPulumi, project: Project) -> None:
    """Changes of the program and of a module that it imports take effect on the next run."""
    stack = project.stack(shared_warm)
    for value in ('first', 'second'):
        project.write(f'VALUE = {value!r}', 'beside.py')
        project.write(f"import pulumi, beside; pulumi.export('{value}', beside.VALUE)")
        assert {name: output.value for name, output in stack.up().outputs.items()} == {value: value}


def test_debug_messages_on_demand(shared_warm: WarmPulumi, project: Project) -> None:
    """Debug messages of a program are there when the command asks for them, and else are not."""
    project.write("import pulumi; pulumi.log.debug('in detail')")
    project.stack(shared_warm)
    assert 'in detail' in project.run(shared_warm, 'preview', '--debug').stdout
    assert 'in detail' not in project.run(shared_warm, 'preview').stdout


def test_module_state_is_not_shared(shared_warm: WarmPulumi, project: Project) -> None:
    """What one run leaves in modules, its own or installed ones, the next does not see."""
    project.write('count = 0', 'beside.py')
    project.write("""
        import beside, pulumi, pulumi_random
        beside.count += 1
        pulumi_random.count = getattr(pulumi_random, 'count', 0) + 1
        pulumi.export('count', beside.count)
        pulumi.export('installed', pulumi_random.count)
    """)
    stack = project.stack(shared_warm)
    for _ in range(2):
        outputs = stack.up().outputs
        assert (outputs['count'].value, outputs['installed'].value) == (1, 1)


def test_module_beside_the_program_wins(shared_warm: WarmPulumi, project: Project) -> None:
    """A module beside the program hides an installed package of the same name."""
    project.write('WHOSE = "the program\'s"', 'pulumi_random.py')
    project.write("import pulumi, pulumi_random; pulumi.export('whose', pulumi_random.WHOSE)")
    assert project.stack(shared_warm).up().outputs['whose'].value == "the program's"


def test_environment_of_the_command(shared_warm: WarmPulumi, project: Project) -> None:
    """The program sees the environment of its command, not of an earlier one."""
    project.write("""
        import os, pulumi
        pulumi.export('seen', sorted(name for name in os.environ if name.startswith('SEEN_')))
    """)
    for name in ('SEEN_FIRST', 'SEEN_SECOND'):
        project.env[name] = 'yes'
        stack = project.stack(shared_warm)
        assert stack.up().outputs['seen'].value == [name]
        del project.env[name]


def test_installed_package_changes(warm: WarmPulumi, project: Project) -> None:
    """A package that is installed or changed in the virtual environment takes effect at once."""
    library = project.folder.parent / 'library'
    library.mkdir()
    project.env['PYTHONPATH'] = str(library)
    project.write("import pulumi, added; pulumi.export('added', added.VALUE)")
    stack = project.stack(warm)
    for value in (1, 22):
        (library / 'added.py').write_text(f'VALUE = {value}')
        assert stack.up().outputs['added'].value == value


def test_processes_of_a_cancelled_program_end(warm: WarmPulumi, project: Project) -> None:
    """What a program has started ends with it when the update is cancelled."""
    project.write("""
        import subprocess
        child = subprocess.Popen(['sleep', '60'])
        print('child', child.pid, flush=True)
        child.wait()
    """)
    seen: list[int] = []

    def cancel(line: str) -> None:
        words = line.split()
        if 'child' in words and not seen:
            seen.append(int(words[words.index('child') + 1]))
            warm.interrupt()

    stack = project.stack(warm)
    with pytest.raises(auto.CommandError):
        stack.up(on_output=cancel)
    assert seen
    assert not project.is_running(seen[0])
