"""What the end-to-end tests share: the engine that is built here."""

from __future__ import annotations

import os
import shutil

import pytest

import engine


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


def _path_without_pulumi() -> str:
    folders = os.environ['PATH'].split(os.pathsep)
    return os.pathsep.join(each for each in folders if not shutil.which('pulumi', path=each))
