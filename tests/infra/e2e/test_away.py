"""A service that goes away and comes back, and one that wants a token."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import config_file
from infra.waiting import Surroundings
from tests.faults.lasting import lasting
from tests.infra.command import Command
from tests.infra.process import at_terminal
from tests.platform import TOKEN, Client
from tests.ports import free_port
from tests.service import Service, serving

API_TOKEN = secrets.token_urlsafe(32)


@pytest.fixture(scope='module')
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that wants a token."""
    with serving(tmp_path_factory.mktemp('guarded'), API_TOKEN=API_TOKEN) as service:
        Client(service.url, API_TOKEN).wait_until_up()
        yield service


@pytest.fixture
def infra(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command line in this process."""
    return Command(Surroundings(), capfd, monkeypatch)


def test_killed_in_mid_wait(tmp_path: Path) -> None:
    """A wait outlasts a service that is killed and comes back; nothing is done twice."""
    (tmp_path / 'secret').write_text(TOKEN)
    given = ('-i', 'names=["a"]', '--secret', f'token=@{tmp_path}/secret', '--yes')
    with lasting(tmp_path, PORT=free_port()) as here:
        up = ('up', 'web', '-p', 'files', *given)
        with (
            here.held(),
            at_terminal(*up, INFRA_URL=here.site.service.url, CI='1') as terminal,
        ):
            here.wait_until_held('create')
            here.kill()
            terminal.wait_for('No answer now, trying again in')
            here.start()
            here.wait_until_held('create')
            (here.files / 'slow').unlink()
            assert terminal.end() == 0
            (here.files / 'slow').touch()
        assert 'The update of web has succeeded' in terminal.seen
        runs = here.all_runs()
        assert [(run['operation'], run['state'], run['attempts']) for run in runs] == [
            ('update', 'succeeded', 2)
        ]
        here.assert_files()
        here.end()


def test_token(guarded: Service, infra: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token is stored once the service has taken it, where only its owner can read it."""
    assert infra('login', guarded.url, stdin=b'wrong\n').code == 3
    assert not config_file.path().exists()
    done = infra('login', guarded.url, stdin=API_TOKEN.encode())
    assert done.code == 0
    assert config_file.path().stat().st_mode & 0o777 == 0o600
    told = [done, infra('status'), infra('ls'), infra('show', 'web'), infra('programs', '--json')]
    assert [each.code for each in told] == [0, 0, 0, 5, 0]
    monkeypatch.setenv('INFRA_TOKEN', 'wrong')
    told += [infra('ls'), infra('status')]
    assert [each.code for each in told[-2:]] == [3, 3]
    monkeypatch.setenv('INFRA_TOKEN', API_TOKEN)
    assert infra('logout').code == 0
    assert API_TOKEN not in config_file.path().read_text()
    assert infra('ls').code == 0
    assert not [each for each in told if API_TOKEN in each.out + each.err]


def test_token_typed(guarded: Service) -> None:
    """At a terminal the token is typed hidden."""
    with at_terminal('login', guarded.url) as terminal:
        terminal.wait_for('(empty: none): ')
        terminal.type(API_TOKEN + '\n')
        assert terminal.end() == 0
        assert API_TOKEN not in terminal.seen
    assert API_TOKEN in config_file.path().read_text()


def test_file_of_others(guarded: Service, infra: Command) -> None:
    """A stored token that others can read is not used."""
    infra('login', guarded.url, stdin=API_TOKEN.encode())
    config_file.path().chmod(0o644)
    done = infra('ls')
    assert done.code == 2
    assert 'chmod 600' in done.err
