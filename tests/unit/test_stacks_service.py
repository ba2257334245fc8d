"""The platform of a process: how it comes up, waits for what is not there yet, and ends."""

from __future__ import annotations

import functools
import logging
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from settings import Settings
from stacks import service
from stacks.catalogue import Catalogue
from stacks.errors import UnavailableError
from stacks.operation.engines import Engines
from stacks.requests import StackFilter
from stacks.running import presence
from stacks.service import Service
from stacks.store import database
from stacks.store.database import FILE
from tests.doers import await_that
from tests.records import ANNA

Begin = Callable[..., Service]


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Begin]:
    """Return a function that starts a service, with settings as given."""
    monkeypatch.setattr(service, 'RETRY', 0.05)
    made: list[Service] = []

    def start(**given: Any) -> Service:
        settings = Settings(state_dir=tmp_path, **given)
        made.append(Service(settings, Catalogue([], [])))
        made[-1].start()
        return made[-1]

    yield start
    for each in made:
        each.close()


def is_up(found: Service) -> bool:
    try:
        found.platform.stacks(ANNA, StackFilter(), 1, None)
    except UnavailableError:
        return False
    return True


def test_comes_up(begin: Begin, tmp_path: Path) -> None:
    """A service comes up, leaves no sign of life at its end, and comes up again."""
    for _ in range(2):
        found = begin()
        await_that(functools.partial(is_up, found))
        assert list((tmp_path / 'services').iterdir())
        found.close()
        assert list((tmp_path / 'services').iterdir()) == []


def test_never_started(tmp_path: Path) -> None:
    """A service that was never started tells so, and ends."""
    found = Service(Settings(state_dir=tmp_path), Catalogue([], []))
    with pytest.raises(UnavailableError, match='coming up'):
        found.platform.stack(ANNA, 'one')
    found.close()


def test_drained_at_once(begin: Begin) -> None:
    """A service that is told to end as it comes up does so."""
    found = begin()
    found.drain()
    started = time.monotonic()
    found.close()
    assert time.monotonic() - started < 20


def test_wrong_passphrase(begin: Begin, caplog: pytest.LogCaptureFixture) -> None:
    """With another passphrase it does not come up, and the log says what to do."""
    first = begin(passphrase='first')
    await_that(lambda: is_up(first))
    first.close()
    second = begin(passphrase='second')
    with caplog.at_level(logging.ERROR):
        await_that(lambda: 'another passphrase' in caplog.text)
    assert not is_up(second)
    assert_told(second, 'encrypted with another passphrase: set the one')


def assert_told(found: Service, words: str) -> None:
    """Assert that callers and readiness get to know why a service does not come up."""
    await_that(lambda: found.obstacle() != service.COMING_UP)
    told = found.obstacle()
    assert told is not None
    assert told.startswith('The platform cannot come up. ')
    assert words in told
    with pytest.raises(UnavailableError, match=re.escape(told)):
        found.platform.stack(ANNA, 'one')


def test_later_version(begin: Begin, tmp_path: Path) -> None:
    """With a database that a later version has changed it does not come up, and says so."""
    opened = database.connect('', tmp_path)
    with opened.writing() as connection:
        connection.execute(sa.text("UPDATE platform_version SET version_num = '9999'"))
    opened.close()
    assert_told(begin(), 'of another version of this service: start that version')


def test_no_database(begin: Begin) -> None:
    """Without its database it does not come up, and says no part of where that should be."""
    found = begin(database_url='postgresql://ann:planted@127.0.0.1:1/planted')
    assert_told(found, 'it is not where DATABASE_URL says')
    assert 'planted' not in str(found.obstacle())
    assert '127.0.0.1' not in str(found.obstacle())


def test_no_passphrase(begin: Begin, tmp_path: Path) -> None:
    """Without a file that it needs it does not come up, and says which ones these are."""
    found = begin(passphrase_file=str(tmp_path / 'none'))
    assert_told(found, 'STATE_DIR or the file of the passphrase')
    assert str(tmp_path) not in str(found.obstacle())


def test_database_mended(begin: Begin, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What is in the way is tried again until it is gone."""
    (tmp_path / FILE).write_bytes(b'no database ' * 1000)
    found = begin()
    await_that(lambda: 'cannot come up' in caplog.text)
    assert_told(found, 'or its file is damaged')
    (tmp_path / FILE).unlink()
    await_that(lambda: is_up(found))
    assert found.obstacle() is None


def test_leftovers_mended(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that cannot end what dead ones have left tries again before it serves."""
    failures = [OSError('no space left')]

    def end_leftovers(_: Engines) -> None:
        if failures:
            raise failures.pop()

    monkeypatch.setattr(Engines, 'end_leftovers', end_leftovers)
    found = begin()
    await_that(lambda: is_up(found))
    assert failures == []


def test_presence_mended(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that could not say that it lives does no runs before it can."""
    real = presence.of_this_process
    failures = [OSError('no space left'), OSError('no space left')]

    def of_this_process(*arguments: Any) -> presence.Presence:
        if failures:
            raise failures.pop()
        return real(*arguments)

    monkeypatch.setattr(presence, 'of_this_process', of_this_process)
    found = begin()
    await_that(lambda: is_up(found))
    assert failures == []
