"""The page of notifications, over notifications in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.portal.markup import flaws
from tests.portal_client import Browser
from tests.rest_client import make_platform
from web.tokens import digest

FILE = """
[[destination]]
name = "ops"
kind = "slack"
url_from = "CHAT_URL"
events = ["run.failed"]
"""
HOSTILE = '</td><script>alert(1)</script>'
READER = 'a-token-of-a-reader'


@pytest.fixture
def browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Browser:
    monkeypatch.setenv('CHAT_URL', 'https://hooks.example/planted')
    file = tmp_path / 'notifications.toml'
    file.write_text(FILE)
    return Browser(make_platform(tmp_path), notifications_file=str(file))


def test_none(tmp_path: Path) -> None:
    """Where nobody is told, the page says so, and what would change that."""
    page = Browser(make_platform(tmp_path)).page('/notifications')
    assert 'NOTIFICATIONS_FILE names no destinations' in page.text


def test_page(browser: Browser) -> None:
    """Each notification is there with its last answer, as text, and its destination without URL."""
    assert 'Nothing was sent yet' in browser.page('/notifications').text
    notifications = browser.platform.notifications
    notifications.add(state='failed', status=500, answer=HOSTILE, attempts=10)
    notifications.add(stack='', run=None, state='waiting', due_at=notifications.found[0].created_at)
    answer = browser.visit('/notifications')
    assert flaws(answer.text) == []
    assert 'planted' not in answer.text
    assert HOSTILE not in answer.text
    page = browser.page('/notifications')
    for each in ('hooks.example', 'Given up', '500', HOSTILE, 'a migration', 'run.failed'):
        assert each in page.text
    assert 'Given up' in browser.page('/notifications?state=failed').text
    assert 'No notification matches' in browser.page('/notifications?state=dropped').text


def test_enable(browser: Browser) -> None:
    """A destination that is disabled is shown with why, and can be enabled by a button."""
    browser.platform.notifications.off.add('ops')
    assert 'It is gone.' in browser.page('/notifications').text
    assert flaws(browser.visit('/notifications').text) == []
    done = browser.send('/notifications/enable', {'name': 'ops'})
    assert (done.status_code, done.headers['location']) == (303, '/portal/notifications')
    assert 'It is gone.' not in browser.page('/notifications').text
    assert browser.send('/notifications/enable', {'name': 'ops'}).status_code == 404


def test_reader(tmp_path: Path) -> None:
    """Others than operators are led to no such page, and see nothing there."""
    file = tmp_path / 'tokens'
    file.write_text(f'rita reader {digest(READER)}\n')
    browser = Browser(make_platform(tmp_path), api_tokens_file=str(file))
    browser.send('/login', {'token': READER})
    assert '/portal/notifications' not in browser.visit('/stacks').text
    assert browser.visit('/notifications').status_code == 403
