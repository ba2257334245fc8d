"""What all tests share."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Generator
from dataclasses import fields
from pathlib import Path

import pytest

import engine
from settings import Settings
from tests.report import Fault, table

DONE = pytest.StashKey[list[Fault]]()
OURS = {each.metadata['variable'] for each in fields(Settings)}


@pytest.fixture(autouse=True)
def clean_environ(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    for variable in list(os.environ):
        if variable in OURS or variable.startswith('PULUMI_'):
            monkeypatch.delenv(variable)


def pytest_configure(config: pytest.Config) -> None:
    """Hear Ctrl-C also in the background of a shell, which has all ignore it that it starts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption('--whole', action='store_true', help='all rounds, not the bounded form')


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave what takes minutes out of the bounded form."""
    if not config.getoption('--whole'):
        items[:] = [item for item in items if not item.get_closest_marker('slow')]


@pytest.fixture(scope='session')
def whole(pytestconfig: pytest.Config) -> bool:
    """Whether the long form of a test is wanted."""
    return bool(pytestconfig.getoption('--whole'))


@pytest.fixture(scope='session', params=['warm', 'cli'])
def mode(request: pytest.FixtureRequest) -> str:
    """The ENGINE setting: everything holds for the warm engine and for the stock way."""
    return str(request.param)


@pytest.fixture(scope='session')
def built_engine() -> engine.Engine:
    """The engine that this machine builds, however many others it has."""
    found = engine.set_up('', {**os.environ, 'PATH': _path_without_pulumi()})
    assert found.source == 'built'
    return found


@pytest.fixture
def own_engine(built_engine: engine.Engine, tmp_path: Path) -> Path:
    """A folder like the built engine's, of links, which a test may break."""
    folder = tmp_path / 'bin'
    shutil.copytree(built_engine.bin, folder, copy_function=lambda a, b: Path(b).symlink_to(a))
    return folder


def _path_without_pulumi() -> str:
    folders = os.environ['PATH'].split(os.pathsep)
    return os.pathsep.join(each for each in folders if not shutil.which('pulumi', path=each))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember how each fault went, for the table."""
    report = yield
    if report.when == 'call' or report.skipped:
        item.config.stash.setdefault(DONE, []).append(Fault.of(item, report))
    return report


def pytest_terminal_summary(config: pytest.Config) -> None:
    """Write the table of the whole run where the documentation has it."""
    if config.getoption('--whole') and DONE in config.stash:
        target = Path(config.rootpath) / 'docs' / 'reliability.md'
        earlier = target.read_text() if target.exists() else ''
        target.write_text(table(config.stash[DONE], earlier))
