"""Where the url and the token come from, and what is refused."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from infra import Client, SettingsError, config_file, settings
from infra.config_file import Config

HERE = 'https://infra.example.com'


@pytest.fixture
def file() -> Path:
    """Where the file of settings is, in a folder that is there."""
    found = config_file.path()
    found.parent.mkdir(parents=True)
    return found


def written(file: Path, text: str, mode: int = 0o600) -> None:
    file.write_text(text)
    file.chmod(mode)


def test_nothing_set() -> None:
    """Without a url the error says how to set one."""
    with pytest.raises(SettingsError, match='INFRA_URL'):
        Client.from_settings()


def test_file(file: Path) -> None:
    """The file has url and token for the commands that follow."""
    config_file.write(file, Config(HERE, 'a "token" \\ é'))
    assert config_file.read(file) == Config(HERE, 'a "token" \\ é')
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in file.parent.iterdir()] == ['config.toml']


def test_file_in_a_new_folder(tmp_path: Path) -> None:
    """A folder that has to be made is its owner's alone."""
    file = tmp_path / 'new' / 'config.toml'
    config_file.write(file, Config(HERE))
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize('mode', [0o640, 0o604, 0o620, 0o644])
def test_file_of_others(file: Path, mode: int) -> None:
    """A file that others can read or change is refused, with the command that mends it."""
    written(file, f'url = "{HERE}"\n', mode)
    with pytest.raises(SettingsError, match=f'chmod 600 {file}'):
        settings.read()


@pytest.mark.parametrize(
    'text',
    [
        pytest.param('url = planted', id='no-TOML'),
        pytest.param('token = 7', id='number'),
        pytest.param('tokens = "planted"', id='unknown'),
        pytest.param('token_command = [1]', id='no-words'),
        pytest.param('token_command = "a \'b"', id='open-quote'),
        pytest.param('\x00', id='zero'),
    ],
)
def test_broken_file(file: Path, text: str) -> None:
    """A file that cannot be used is told by its name, without its values."""
    written(file, text)
    with pytest.raises(SettingsError) as caught:
        settings.read()
    assert str(file) in str(caught.value)
    assert 'planted' not in str(caught.value)


def test_file_that_is_no_text(file: Path) -> None:
    """A file that is no text is told as one that is no TOML."""
    file.write_bytes(b'\xff\xfe')
    file.chmod(0o600)
    with pytest.raises(SettingsError, match='is no TOML'):
        settings.read()


def test_order(file: Path, tmp_path: Path) -> None:
    """INFRA_TOKEN counts before INFRA_TOKEN_FILE, and that before the file of settings."""
    written(file, f'url = "{HERE}"\ntoken = "of-config"\n')
    of_file = tmp_path / 'token'
    of_file.write_text('of-file\n')
    environ = {'XDG_CONFIG_HOME': str(file.parent.parent)}
    assert settings.read(environ).token() == 'of-config'
    environ['INFRA_TOKEN_FILE'] = str(of_file)
    assert settings.read(environ).token() == 'of-file'
    environ['INFRA_TOKEN'] = 'of-environ'
    assert settings.read(environ).token() == 'of-environ'


def test_token_of_another_service(file: Path) -> None:
    """The stored token goes to the stored url only, not to one that INFRA_URL names."""
    written(file, f'url = "{HERE}/"\ntoken = "of-config"\n')
    environ = {'XDG_CONFIG_HOME': str(file.parent.parent), 'INFRA_URL': 'https://other.example'}
    assert settings.read(environ).token() == ''
    assert settings.read({**environ, 'INFRA_URL': f'{HERE}:443'}).token() == 'of-config'


def test_broken_url(file: Path) -> None:
    """A stored url that is none is told, also where INFRA_URL counts before it."""
    written(file, 'url = "https://host:x"\n')
    environ = {'XDG_CONFIG_HOME': str(file.parent.parent), 'INFRA_URL': HERE}
    with pytest.raises(SettingsError, match='host:x'):
        settings.read(environ)


@pytest.mark.parametrize('line', ['"printf \'of-store\\\\nmore\'"', '["printf", "of-store"]'])
def test_token_command(file: Path, line: str) -> None:
    """A command, such as one of a password store, prints the token in its first line."""
    written(file, f'url = "{HERE}"\ntoken_command = {line}\n')
    assert settings.read().token() == 'of-store'


@pytest.mark.parametrize(
    ('command', 'words'),
    [
        ('false', 'ended with exit code 1'),
        ('true', 'printed no token'),
        ('/does/not/exist', 'no such file'),
        ("printf '\\\\377'", 'is no text'),
    ],
)
def test_failing_token_command(file: Path, command: str, words: str) -> None:
    """A command that brings no token is told with what became of it."""
    written(file, f'url = "{HERE}"\ntoken_command = "{command}"\n')
    with pytest.raises(SettingsError, match=f'(?i){words}'):
        settings.read().token()


def test_token_file_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token's file that is not there is told by its name."""
    monkeypatch.setenv('INFRA_URL', HERE)
    monkeypatch.setenv('INFRA_TOKEN_FILE', '/does/not/exist')
    with pytest.raises(SettingsError, match='/does/not/exist cannot be read'):
        Client.from_settings()
