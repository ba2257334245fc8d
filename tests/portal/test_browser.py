"""The browser that tests drive: it opens a page of the service, and tells of what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser import person
from tests.portal.elsewhere import served
from tests.service import serving

POLICY = "default-src 'none'; script-src 'self'; img-src 'self'"
# What a page may not do, and what is told of it.
WRONG = {
    '<p id="planted" style="color: red">x': 'style-src',
    '<script>document.title = "planted"</script>': 'script-src',
    '<img src="/a.png" onerror="alert(1)">': 'Failed to load resource',
    '<img src="//127.0.0.1:9/a.png">': 'img-src',
    '<script src="/alert.js"></script>': 'a dialog: 1',
    '<script src="/throw.js"></script>': 'planted error',
    '<script src="/warn.js"></script>': 'planted warning',
}
SCRIPTS = {
    '/alert.js': 'alert(1)',
    '/throw.js': 'throw Error("planted error")',
    '/warn.js': 'console.warn("planted warning")',
}


def test_page(browser: Browser, tmp_path: Path) -> None:
    """A page of the service opens, with scripts and without, and its answer is taken down."""
    with serving(tmp_path) as service:
        for has_scripts in (True, False):
            with person(browser, service.url, java_script_enabled=has_scripts) as ann:
                assert ann.go('/docs/errors') == 200
                heading = ann.page.get_by_role('heading', level=1)
                assert heading.inner_text() == 'Errors of /v1'
                [answer] = ann.pages()
                assert '<h1>Errors of /v1</h1>' in answer.text


@pytest.mark.parametrize('body', WRONG)
def test_wrong(browser: Browser, body: str) -> None:
    """What a page must not do fails the test that sees it."""
    with (
        served(page(body), POLICY) as url,
        pytest.raises(AssertionError, match=WRONG[body]),
        person(browser, url) as ann,
    ):
        ann.go('/')


def test_missing_page(browser: Browser) -> None:
    """A page that is an error is not wrong by that."""
    with served(page(''), POLICY) as url, person(browser, url) as ann:
        assert ann.go('/missing') == 404


def test_violations(browser: Browser) -> None:
    """What those cannot use who do not see a page is told, under a strict policy too."""
    with served(page('<input><h1>x</h1>'), POLICY) as url, person(browser, url) as ann:
        ann.go('/')
        assert 'Form elements must have labels' in str(ann.violations())


def page(body: str) -> dict[str, str]:
    """Return a page, and the scripts that it may have, by their paths."""
    return {'/': f'<!doctype html><title>x</title>{body}', **SCRIPTS}
