"""What people do again and again at the pages of the portal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, expect

from tests.browser import PATIENCE, Person, person
from tests.platform import Site
from tests.portal.markup import assert_well_made


@contextmanager
def visiting(browser: Browser, site: Site, has_scripts: bool = True) -> Iterator[Person]:
    """Yield somebody at the catalogue; then look through all that they were answered."""
    with person(browser, site.service.url, java_script_enabled=has_scripts) as found:
        found.go('/portal')
        yield found
        assert_well_made(found, site.service.url)


def ended(ann: Person, operation: str, name: str, tab: Page | None = None) -> None:
    """Wait at the page of a run until it shows that the run has ended."""
    page = tab or ann.page
    expect(page.get_by_role('heading', level=1)).to_contain_text(operation)
    expect(page.get_by_role('heading', level=1)).to_contain_text(name)
    asked_until(ann, lambda: page.locator('#progress[data-ended=yes]').count() > 0, page)
    expect(page.locator('#progress')).to_have_attribute('data-ended', 'yes')
    # What can be done then is on the page once it is made anew.
    expect(page.get_by_role('link', name='Refresh')).to_have_count(0)


def shown(ann: Person, text: str) -> None:
    """Wait at the page of a run until its log has something."""
    asked_until(ann, lambda: text in logged(ann.page), ann.page)
    expect(ann.page.locator('#log')).to_contain_text(text)


def asked_until(ann: Person, holds: Callable[[], bool], page: Page) -> None:
    """Where no script asks how the run is, ask for it by hand, until something holds."""
    ends_at = time.monotonic() + PATIENCE
    while not ann.has_scripts and not holds():
        assert time.monotonic() < ends_at, page.get_by_role('main').inner_text()
        page.get_by_role('link', name='Refresh').click()


def destroy(ann: Person, name: str) -> None:
    """Destroy a stack from its page, where a wrong name is no confirmation."""
    page = ann.page
    page.get_by_role('link', name=f'Destroy {name}').click()
    expect(page.get_by_role('heading', level=1)).to_have_text(f'Destroy {name}')
    page.get_by_label('to confirm').fill(name.upper())
    page.get_by_role('button', name=f'Destroy {name}').click()
    expect(page.get_by_role('alert')).to_contain_text('There is a problem')
    page.get_by_label('to confirm').fill(name)
    page.get_by_role('button', name=f'Destroy {name}').click()
    ended(ann, 'Destroy', name)


def logged(page: Page) -> str:
    """Return the whole log as the page has it."""
    return page.locator('#log').text_content() or ''
