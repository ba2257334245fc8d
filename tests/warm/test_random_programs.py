"""Random programs end under the warm engine as they do under the stock CLI."""

from __future__ import annotations

import os
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pulumi import automation as auto

from tests.warm.pieces import Program, compose
from tests.warm.project import Project
from warm_pulumi import WarmPulumi


class StockUpdates(auto.PulumiCommand):
    """Updates by the stock CLI; what is around them takes the warm engine a tenth of the time."""

    def __init__(self, stock: auto.PulumiCommand, warm: WarmPulumi) -> None:
        self.command, self.version = stock.command, stock.version
        self._stock = stock
        self._warm = warm

    def run(self, args: list[str], *rest: Any, **more: Any) -> auto.CommandResult:
        """Run a command by the one or the other."""
        return (self._stock if args[0] == 'up' else self._warm).run(args, *rest, **more)


@pytest.mark.slow
def test_random_programs(
    shared_warm: WarmPulumi,
    stock: auto.PulumiCommand,
    project_at: Callable[[str], Project],
    rounds: Callable[[int, int], range],
    chance: random.Random,
) -> None:
    """Programs of random pieces give the same result, output, resources and files both ways."""
    updates = StockUpdates(stock, shared_warm)
    for number in rounds(4, 60):
        program = compose(chance)
        seen = [
            observe(command, program, project_at(f'{side}-{number}'))
            for side, command in (('warm', shared_warm), ('stock', updates))
        ]
        allow_lost_files(*seen)
        assert seen[0] == seen[1], f'{program.names}\n{program.text}'


def allow_lost_files(warm: dict[str, Any], stock: dict[str, Any]) -> None:
    """Forgive that the stock CLI may lose what is in a file that nobody closed, as README says."""
    for name, (mode, content) in stock['files'].items():
        if not content and warm['files'].get(name) == (mode, 'unclosed'):
            warm['files'][name] = (mode, content)


@pytest.fixture
def project_at(tmp_path: Path, engine_bin: Path) -> Callable[[str], Project]:
    """Returns a function that makes a project in a folder of the given name."""

    def make(name: str) -> Project:
        (tmp_path / name).mkdir()
        return Project(tmp_path / name / 'project', engine_bin)

    return make


def observe(command: auto.PulumiCommand, program: Program, project: Project) -> dict[str, Any]:
    """All that came of an update with the program, as far as it does not vary by itself."""
    project.write(program.text)
    stack = project.stack(command)
    events: list[auto.EngineEvent] = []
    with umask(program.umask):
        result, outputs = update(stack, events)
    return {
        'result': result,
        'outputs': outputs,
        'resources': resources(stack),
        'printed': printed(events, str(project.folder)),
        'files': files(project.folder),
        'locks': project.locks(),
    }


@contextmanager
def umask(mask: int) -> Iterator[None]:
    """Sets that of this process, which its commands inherit."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def update(stack: auto.Stack, events: list[auto.EngineEvent]) -> tuple[str, dict[str, Any]]:
    """The error's first line or none, and the outputs."""
    try:
        result = stack.up(on_event=events.append)
    except auto.CommandError as error:
        return f'{type(error).__name__} {str(error).splitlines()[0]}', {}
    return '', {name: (output.value, output.secret) for name, output in result.outputs.items()}


def resources(stack: auto.Stack) -> list[tuple[str, Any]]:
    """What the state has, without what is random in it."""
    deployment = stack.export_stack().deployment or {}
    return [(each['urn'], each.get('inputs')) for each in deployment.get('resources', [])]


def printed(events: list[auto.EngineEvent], folder: str) -> dict[str, Any]:
    """The messages: of each stream in their order, the others in any."""
    text = ''.join(event.diagnostic_event.message for event in events if event.diagnostic_event)
    text = _VARYING.sub('', text.replace(folder, 'FOLDER'))
    lines = [line for line in text.splitlines() if line.strip() and not _PER_START.match(line)]
    return {
        'stdout': [line for line in lines if line.startswith('o')],
        'stderr': [line for line in lines if line.startswith('e')],
        'other': Counter(line for line in lines if line[0] not in 'oe'),
    }


# Told once for each start of a plugin, and one that is kept does not start.
_PER_START = re.compile('using pulumi-resource-')
_VARYING = re.compile(r'<\{%.*?%\}>|0x[0-9a-f]+|\d{8,}')


def files(folder: Path) -> dict[str, tuple[str, str]]:
    """The mode and content of each file that the program made."""
    return {
        str(path.relative_to(folder)): (
            oct(path.stat().st_mode),
            path.read_text() if path.is_file() else '',
        )
        for path in sorted(folder.rglob('*'))
        if '__pycache__' not in path.parts
        and path.name not in {'__main__.py', 'Pulumi.yaml', 'Pulumi.dev.yaml'}
    }
