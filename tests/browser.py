"""A real browser, and people in front of it: whatever a page must not do is told of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Error,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

from setup.system import BROWSERS, any_of

# Of one step of a journey: a run of the real engine may be under way meanwhile.
PATIENCE = 20.0
WIDE = (1280, 900)
NARROW = (320, 700)
# What the browser says of an answer that is an error, also of a page that is meant to be one.
FAILED = re.compile('Failed to load resource: the server responded with a status of (\\d+)')
# Chromium itself tells of those only where it can name a place in the source.
TELL_VIOLATIONS = """
addEventListener('securitypolicyviolation', event =>
    console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`))
"""
AXE = """async options => {
    const found = await axe.run(document, options)
    return found.violations.map(({id, help, nodes}) =>
        `${id}: ${help}: ${nodes.map(node => node.html.slice(0, 200)).join(' | ')}`)
}"""
AXE_TAGS = ('wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice')


@dataclass(frozen=True)
class Answer:
    """What the browser was answered."""

    method: str
    url: str
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode('utf-8', 'replace')

    @property
    def is_page(self) -> bool:
        """Whether it is a document for people."""
        return self.headers.get('content-type', '').startswith('text/html') and bool(self.body)


@dataclass
class Person:
    """A browser's window with cookies of its own, in which nothing may go wrong unseen."""

    context: BrowserContext
    page: Page
    has_scripts: bool = True
    problems: list[str] = field(default_factory=list)
    # Of problems that a test makes itself.
    forgiven: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    _said: list[tuple[str, str]] = field(default_factory=list)
    _missed: list[Response] = field(default_factory=list)

    def go(self, path: str) -> int:
        """Open a page of the service; return the status of its answer."""
        answer = self.page.goto(path)
        assert answer is not None
        return answer.status

    def another_tab(self) -> Page:
        """Open a second tab, which is watched as well."""
        page = self.context.new_page()
        self.watch(page)
        return page

    def watch(self, page: Page) -> None:
        """Take down what a tab does wrong."""
        page.on('console', self._on_console)
        page.on('pageerror', lambda error: self.problems.append(f'{page.url}: {error}'))
        page.on('dialog', self._on_dialog)
        page.on('crash', lambda _: self.problems.append(f'{page.url}: crashed'))

    def hear(self, response: Response) -> None:
        """Take down an answer."""
        self.requests.append(response.request)
        try:
            self._take(response, b'' if 300 <= response.status < 400 else response.body())
        except Error:
            # The browser went on to another page before it could be asked.
            self._missed.append(response)

    def catch_up(self) -> None:
        """Ask again for those answers whose content was missed."""
        while self._missed:
            response = self._missed.pop()
            assert response.request.method == 'GET', response.url
            self._take(response, self.context.request.get(response.url).body())

    def pages(self) -> list[Answer]:
        """Return the documents that were answered so far."""
        return [answer for answer in self.answers if answer.is_page]

    def violations(self, rules: Sequence[str] = AXE_TAGS) -> list[str]:
        """Return what axe has to say of the page as it is now.

        rules: names of axe's rules, or its tags, which stand for many.
        """
        if not self.page.evaluate('"axe" in window'):
            self.page.evaluate(_axe())
        found: list[str] = self.page.evaluate(AXE, {'runOnly': list(rules)})
        return [f'{self.page.url}: {each}' for each in found]

    def width(self) -> int:
        """Return how many pixels the page takes from left to right."""
        return int(self.page.evaluate('document.documentElement.scrollWidth'))

    def _take(self, response: Response, body: bytes) -> None:
        method = response.request.method
        self.answers.append(Answer(method, response.url, response.status, response.headers, body))

    def unforgiven(self) -> list[str]:
        """Return what has gone wrong so far, without what a test did itself."""
        documents = {each.url for each in self.requests if each.resource_type == 'document'}
        # A page that is meant to be an error is told as one that failed.
        said = [
            f'{url}: {text}'
            for url, text in self._said
            if not (FAILED.match(text) and url in documents)
        ]
        found = [*self.problems, *said]
        return [each for each in found if not any(part in each for part in self.forgiven)]

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ('error', 'warning'):
            self._said.append((message.location['url'], message.text))

    def _on_dialog(self, dialog: Dialog) -> None:
        self.problems.append(f'a dialog: {dialog.message}')
        dialog.dismiss()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run the Chromium of this machine without a window; skip the test where there is none."""
    executable = any_of(BROWSERS)
    if executable is None:
        pytest.skip(f'no browser is here: {" or ".join(BROWSERS)}')
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=['--disable-gpu'])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def person(
    browser: Browser, url: str, size: tuple[int, int] = WIDE, **options: Any
) -> Iterator[Person]:
    """Yield somebody with a new browser window; fail when it had anything to complain of.

    url: of the service, whose pages are named by their paths.
    options: as `java_script_enabled=False`, `color_scheme='dark'` or `reduced_motion='reduce'`.
    """
    width, height = size
    context = browser.new_context(
        base_url=url, viewport={'width': width, 'height': height}, **options
    )
    context.set_default_timeout(PATIENCE * 1000)
    try:
        context.add_init_script(TELL_VIOLATIONS)
        has_scripts = options.get('java_script_enabled', True)
        found = Person(context, context.new_page(), has_scripts)
        found.watch(found.page)
        context.on('response', found.hear)
        yield found
        problems = found.unforgiven()
        assert not problems, '\n'.join(problems)
    finally:
        context.close()


@cache
def _axe() -> str:
    return (resources.files('axe_playwright_python') / 'axe.min.js').read_text()
