"""Dynamic providers: a provider must not notice that Python was not started for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from pulumi import automation as auto

from tests import processes
from tests.warm.project import Project
from warm_pulumi import WarmPulumi

PROVIDER = """
    import os, sys, threading, time, __main__
    from pathlib import Path
    import pulumi
    from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider

    count = 0
    NAMES = ('GIVEN', 'PATH', 'VIRTUAL_ENV', 'PYTHONHOME', 'PULUMI_WARM_PROVIDERS',
             'PULUMI_DEBUG_PROVIDERS', 'PULUMI_RUNTIME_VIRTUALENV', 'PULUMI_PROJECT')

    MODULES = ('zygote', 'packages', 'preloaded', 'ending', 'pulumi_random', 'boto3')

    def surroundings():
        global count
        count += 1
        umask = os.umask(0)
        os.umask(umask)
        return {
            'env': {name: os.environ.get(name) for name in NAMES},
            'variables': sorted(name for name in os.environ if not name.startswith('PULUMI_')),
            'cwd': os.getcwd(),
            'arguments': len(sys.argv),
            'file': sys.argv[0],
            'path': sys.path,
            'umask': umask,
            'main': sorted(vars(__main__)),
            'name': [__main__.__name__, __main__.__file__, __main__.__package__],
            'prefix': sys.prefix,
            'executable': os.path.basename(sys.executable),
            'encoding': [sys.stdout.encoding, sys.stderr.encoding],
            'written_through': [sys.stdout.write_through, sys.stderr.write_through],
            'count': count,
            'left': os.environ.get('LEFT'),
            'modules': [name for name in MODULES if name in sys.modules],
        }

    class Provider(ResourceProvider):
        def create(self, props):
            exec(props['code'])
            seen = surroundings()
            os.environ['LEFT'] = 'by an earlier one'
            return CreateResult('id', {**props, 'seen': seen})

        def read(self, id_, props):
            return ReadResult(id_, {**props, 'seen': surroundings()})

        def diff(self, id_, olds, news):
            return DiffResult(changes=olds.get('code') != news['code'])

        def delete(self, id_, props):
            exec(props['code'])

    class Seen(Resource):
        seen: pulumi.Output

        def __init__(self, name, code):
            super().__init__(Provider(), name, {'code': code, 'seen': None})
"""
PROGRAM = """
    import pulumi
    from provider import Seen

    pulumi.export('seen', Seen('seen', {code!r}).seen)
"""
ENDINGS = {
    'raises': 'raise ValueError("wrong")',
    'dies': 'os._exit(5)',
    'crashes': 'import ctypes; ctypes.string_at(0)',
    'prints': (
        'print("to stdout"); print("to stderr", file=sys.stderr); pulumi.log.warn("careful"); '
        'sys.stdout.write("half a line")'
    ),
}


def write(project: Project, code: str = 'pass') -> None:
    project.write(PROVIDER, 'provider.py')
    project.write(PROGRAM.format(code=code))


def seen(result: auto.UpResult) -> Any:
    return result.outputs['seen'].value


def test_surroundings(shared_warm: WarmPulumi, stock: auto.PulumiCommand, project: Project) -> None:
    """What a provider sees around itself is what it sees with the stock CLI."""
    write(project)
    project.env['GIVEN'] = 'yes'
    found = []
    for command in (stock, shared_warm):
        stack = project.stack(command)
        found.append(seen(stack.up()))
        stack.destroy()
    assert found[0] == found[1]


@pytest.mark.parametrize('code', [pytest.param(ENDINGS[name], id=name) for name in ENDINGS])
def test_ends_as_with_the_stock_cli(
    shared_warm: WarmPulumi, cold: auto.PulumiCommand, project: Project, code: str
) -> None:
    """However a provider ends, and whatever it prints, the outcome is that of the stock CLI."""
    write(project, code)
    project.stack(shared_warm)
    up = ('up', '--yes', '--skip-preview', '--stack', 'dev')
    outcomes = []
    for command in (cold, shared_warm):
        outcomes.append(told(project.outcome(command, *up)))
        project.outcome(shared_warm, 'state', 'delete', '--yes', '--all', '--stack', 'dev')
    assert outcomes[0] == outcomes[1]


def told(outcome: tuple[str, list[str]]) -> tuple[str, list[str]]:
    """Return an outcome without what a broken connection is called, which varies.

    The shell that runs a provider tells of a crash when the engine may not listen any more.
    """
    varies = ('rpc error', 'error reading from server', 'seen', 'Segmentation fault')
    kind, lines = outcome
    return kind, [line for line in lines if not any(each in line for each in varies)]


def test_forked(warm: WarmPulumi, project: Project) -> None:
    """A provider is a child of the program host, and ends with its command."""
    write(project, 'os.environ["GIVEN"] = str(os.getpid()); os.environ["PATH"] = str(os.getppid())')
    stack = project.stack(warm)
    env = seen(stack.up())['env']
    provider, parent = int(env['GIVEN']), int(env['PATH'])
    assert 'warm_pulumi/host' in processes.command_line(parent)
    await_end(project, provider)


def test_nothing_is_shared(warm: WarmPulumi, project: Project) -> None:
    """Neither modules nor variables of one run reach another, in whatever operation."""
    write(project)
    for name in ('one', 'two'):
        project.env['GIVEN'] = name
        stack = project.stack(warm, name)
        found = seen(stack.up())
        assert (found['count'], found.get('left'), found['env']['GIVEN']) == (1, None, name)
        stack.refresh()
        assert seen_by_refresh(stack)['env']['GIVEN'] == name
        stack.destroy()


def seen_by_refresh(stack: auto.Stack) -> Any:
    resources = (stack.export_stack().deployment or {})['resources']
    return next(each['outputs']['seen'] for each in resources if each['urn'].endswith('::seen'))


def test_changed_code(warm: WarmPulumi, project: Project) -> None:
    """A provider's module that changes takes effect with the next command, whichever it is."""
    write(project)
    stack = project.stack(warm)
    stack.up()
    project.write(PROVIDER.replace("'left':", "'new': True, 'left':"), 'provider.py')
    stack.refresh()
    assert seen_by_refresh(stack)['new'] is True
    stack.destroy()


def test_cancelled(warm: WarmPulumi, project: Project) -> None:
    """A provider that does not come to an end is gone when its command is killed."""
    pid = project.folder / 'pid'
    write(project, f'Path({str(pid)!r}).write_text(str(os.getpid())); time.sleep(5)')
    stack = project.stack(warm)

    def cancel(line: str) -> None:
        if 'creating' in line:
            await_that(pid.exists)
            warm.interrupt()
            warm.interrupt()

    with pytest.raises(auto.CommandError):
        stack.up(on_output=cancel)
    await_end(project, int(pid.read_text()))


def test_stock_way_where_it_has_to(warm: WarmPulumi, project: Project) -> None:
    """Where the program host cannot stand for the interpreter, Python starts as ever."""
    write(project)
    project.env['PYTHONPATH'] = 'library'
    assert seen(project.stack(warm).up())['count'] == 1


def await_end(project: Project, pid: int) -> None:
    await_that(lambda: not project.is_running(pid))


def await_that(holds: Callable[[], object]) -> None:
    ends_at = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < ends_at
        time.sleep(0.02)  # nobody tells
