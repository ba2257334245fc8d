"""The file of destinations: what may stand in it, and what is said of what may not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from settings import SettingsError
from stacks.records import EVENTS
from tests.paths import ROOT
from triggers.notifications.destinations import KINDS, SCHEMA, Destinations, load

SECRET = 'whsec_cGxhbnRlZC1rZXktb2YtMjQtYnl0ZXMh'
ENVIRON = {'A': SECRET, 'SHORT': 'whsec_YQ==', 'PLAIN': 'planted-no-secret', 'URL': 'https://a.b/'}
GOOD = """
# Who is told.
[[destination]]
name = "ops"
kind = "standard-webhooks"
url = "https://hooks.example/in"
secret_from = "A"
"""


def written(folder: Path, text: str) -> Path:
    file = folder / 'notifications.toml'
    file.write_text(text)
    return file


def test_good(tmp_path: Path) -> None:
    """A destination has all events unless it names some, and its secret from the environment."""
    [found] = load(written(tmp_path, GOOD), ENVIRON)
    assert (found.name, found.host, len(found.events)) == ('ops', 'hooks.example', 7)
    assert found.secrets == (b'planted-key-of-24-bytes!',)


def test_secret_file(tmp_path: Path) -> None:
    """A secret may be in a file that a variable names."""
    (tmp_path / 'secret').write_text(SECRET + '\n')
    environ = {'A_FILE': str(tmp_path / 'secret')}
    [found] = load(written(tmp_path, GOOD), environ)
    assert found.secrets == (b'planted-key-of-24-bytes!',)


def test_none() -> None:
    """Without a file nobody is told."""
    assert Destinations('').all() == ()


@pytest.mark.parametrize(
    ('old', 'new', 'said'),
    [
        ('kind = "standard-webhooks"', 'kind = "mail"', 'line 5: kind must be one of'),
        ('url =', 'uri =', 'line 6: uri is not known here'),
        ('url = "https://hooks.example/in"', '', 'line 3: url must be given'),
        ('https://hooks.example/in', 'hooks.example', 'line 6: url cannot be used'),
        ('"A"', '"NONE"', 'line 7: secret_from names NONE, which is not set, nor NONE_FILE'),
        ('"A"', '"SHORT"', 'line 7: secret_from names what is no secret'),
        ('"A"', '"PLAIN"', 'line 7: secret_from names what is no secret'),
        ('secret_from = "A"', '', 'line 3: secret_from is required'),
        ('name = "ops"', 'name = "Ops!"', 'line 4: name must match'),
        ('name = "ops"', '', 'line 3: name is required'),
        ('[[destination]]', '[destination]', 'line 3: destination must be as [[destination]]'),
        ('[[destination]]', '[[destinations]]', 'line 3: destinations is not known here'),
        ('name = "ops"', 'name = "ops"\nname = "b"', 'is no TOML'),
        ('name = "ops"', 'name = "ops"\nevents = ["run.begun"]', 'line 5: events'),
        ('name = "ops"', 'name = "ops"\nevents = []', 'line 5: events'),
        ('standard-webhooks', 'slack', 'line 7: secret_from is for the other kinds'),
    ],
)
def test_flaws(tmp_path: Path, old: str, new: str, said: str) -> None:
    """What is wrong is told with its line and field, and without a secret."""
    with pytest.raises(SettingsError) as caught:
        load(written(tmp_path, GOOD.replace(old, new)), ENVIRON)
    assert f'NOTIFICATIONS_FILE={tmp_path}' in str(caught.value)
    assert said in str(caught.value)
    assert 'planted' not in str(caught.value)


def test_all_flaws(tmp_path: Path) -> None:
    """All that is wrong is told at once, each with its line."""
    other = GOOD.replace('"ops"', '"x"').replace('kind = "standard-webhooks"', 'kind = "mail"')
    with pytest.raises(SettingsError) as caught:
        load(written(tmp_path, GOOD.replace('url', 'uri') + other), ENVIRON)
    assert 'line 6: uri' in str(caught.value)
    assert 'line 12: kind' in str(caught.value)


def test_twice(tmp_path: Path) -> None:
    """No two destinations have one name."""
    with pytest.raises(SettingsError, match='line 11: name is that of another destination'):
        load(written(tmp_path, GOOD + GOOD), ENVIRON)


def test_slack(tmp_path: Path) -> None:
    """Slack's URL is a secret, and so stands in no file of settings."""
    text = '[[destination]]\nname = "chat"\nkind = "slack"\n'
    [found] = load(written(tmp_path, text + 'url_from = "URL"\n'), ENVIRON)
    assert (found.url, found.secrets) == ('https://a.b/', ())
    with pytest.raises(SettingsError, match='line 4: url must not stand here'):
        load(written(tmp_path, text + 'url = "https://a.b/"\n'), ENVIRON)


def test_changed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A changed file is in force at once; one that cannot be used leaves the one before."""
    file = written(tmp_path, GOOD)
    found = Destinations(str(file), ENVIRON)
    file.write_text(GOOD.replace('"ops"', '"other"'))
    assert [each.name for each in found.all()] == ['other']
    file.write_text('nothing')
    assert [each.name for each in found.all()] == ['other']
    assert 'stays in force' in caplog.text


@pytest.mark.parametrize('content', [None, b'\xff'])
def test_unreadable(tmp_path: Path, content: bytes | None) -> None:
    """A file that is missing, or no text, cannot be used."""
    file = tmp_path / 'notifications.toml'
    if content:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match='NOTIFICATIONS_FILE'):
        Destinations(str(file), ENVIRON)


def test_document(tmp_path: Path) -> None:
    """The example of the document can be used, and all events and fields are in it."""
    text = (ROOT / 'docs' / 'notifications.md').read_text()
    example = re.findall(r'```toml\n(.*?)```', text, re.DOTALL)[0]
    environ = {'OPS_SECRET': SECRET, 'CHAT_URL': 'https://hooks.slack.com/services/a'}
    assert [each.name for each in load(written(tmp_path, example), environ)] == ['ops', 'chat']
    for each in (*EVENTS, *SCHEMA['properties'], *KINDS):
        assert f'`{each}`' in text
