"""What all tests share."""

from __future__ import annotations

import gc
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import engine
from settings import Settings
from tests.report import Fault, left_out, table

# What is imported and collected here is never garbage: until that is done, none is looked for.
gc.disable()

OURS = {each.metadata['variable'] for each in fields(Settings)}


class Reporter:
    """Remembers how each test went, and how many were left out; also of those side by side."""

    def __init__(self) -> None:
        self._done: dict[str, Fault] = {}
        self.left_out = 0

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if (told := getattr(session.config, 'workeroutput', None)) is not None:
            told['left_out'] = self.left_out

    def pytest_testnodedown(self, node: Any) -> None:
        # Each worker has looked at all tests.
        self.left_out = getattr(node, 'workeroutput', {}).get('left_out', 0)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == 'call' or report.skipped:
            self._done[report.nodeid] = Fault.of(report)

    def in_order(self) -> list[Fault]:
        """Return the faults by file, in whatever order they ended."""
        return [self._done[name] for name in sorted(self._done)]


REPORTER = pytest.StashKey[Reporter]()


@pytest.fixture(autouse=True)
def clean_environ(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    for variable in list(os.environ):
        if variable in OURS or variable.startswith('PULUMI_'):
            monkeypatch.delenv(variable)


def pytest_configure(config: pytest.Config) -> None:
    """Hear Ctrl-C also in the background of a shell, which has all ignore it that it starts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.stash[REPORTER] = Reporter()
    config.pluginmanager.register(config.stash[REPORTER])


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption('--whole', action='store_true', help='all rounds, not the bounded form')


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Have reports say what a test is about; leave what takes minutes out of the bounded form.

    Only the bounded form has a limit of time for each test.
    """
    for item in items:
        assert isinstance(item, pytest.Function)
        item.user_properties.append(('behaviour', item.obj.__doc__ or item.name))
    if config.getoption('--whole'):
        for item in items:
            item.add_marker(pytest.mark.timeout(0))
    else:
        long = [item for item in items if takes_long(item)]
        items[:] = [item for item in items if not takes_long(item)]
        config.hook.pytest_deselected(items=long)
        config.stash[REPORTER].left_out = len(long)
    # Their files are the shortest ones, so that at the end all processes have something to do.
    items.sort(key=lambda item: 'unit' in item.path.parts)


def pytest_collection_finish() -> None:
    """Look for garbage from here on, and never again among what is there by now."""
    gc.freeze()
    gc.enable()


def takes_long(item: pytest.Item) -> bool:
    """Tell whether a test is marked so, or is a fault under the stock CLI: seconds for each run."""
    assert isinstance(item, pytest.Function)
    params = item.callspec.params if hasattr(item, 'callspec') else {}
    is_fault = 'faults' in item.path.parts
    return bool(item.get_closest_marker('slow')) or (is_fault and params.get('mode') == 'cli')


@pytest.fixture(scope='session')
def whole(pytestconfig: pytest.Config) -> bool:
    """Whether the long form of a test is wanted."""
    return bool(pytestconfig.getoption('--whole'))


@pytest.fixture
def seed(whole: bool, record_property: Callable[[str, object], None]) -> int:
    """What a test leaves to chance starts from it; the printed one, given as FAULT_SEED, again.

    The bounded form takes the same each time: a change is judged by itself, and `make faults`
    looks for what is new.
    """
    by_default = random.SystemRandom().randrange(2**32) if whole else 1
    chosen = int(os.environ.get('FAULT_SEED', by_default))
    print(f'FAULT_SEED={chosen}')
    record_property('seed', f'seed {chosen}')
    return chosen


@pytest.fixture(scope='session', params=['warm', 'cli'])
def mode(request: pytest.FixtureRequest) -> str:
    """The ENGINE setting: everything holds for the warm engine and for the stock way."""
    return str(request.param)


@pytest.fixture(scope='session')
def built_engine() -> engine.Engine:
    """The engine that this machine builds or has by a wheel, however many others it has."""
    found = engine.set_up('', {**os.environ, 'PATH': _path_without_pulumi()})
    assert found.warm
    return found


@pytest.fixture(scope='session')
def with_pip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty venv for tests to copy, see copy_venvs_in."""
    folder = tmp_path_factory.mktemp('with-pip')
    subprocess.run([sys.executable, '-m', 'venv', folder], check=True)
    return folder


@pytest.fixture
def own_engine(built_engine: engine.Engine, tmp_path: Path) -> Path:
    """A folder like the built engine's, of links, which a test may break."""
    folder = tmp_path / 'bin'
    shutil.copytree(built_engine.bin, folder, copy_function=lambda a, b: Path(b).symlink_to(a))
    return folder


def _path_without_pulumi() -> str:
    folders = os.environ['PATH'].split(os.pathsep)
    return os.pathsep.join(each for each in folders if not shutil.which('pulumi', path=each))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say what was left out and why; write the table of a whole run where the documents have it."""
    reporter = config.stash[REPORTER]
    for line in left_out(terminalreporter.stats.get('skipped', []), reporter.left_out):
        terminalreporter.write_line(f'LEFT OUT: {line}', yellow=True, bold=True)
    if config.getoption('--whole'):
        target = Path(config.rootpath) / 'docs' / 'reliability.md'
        earlier = target.read_text() if target.exists() else ''
        target.write_text(table(reporter.in_order(), earlier))
