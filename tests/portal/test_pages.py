"""Every page, with much of everything in it: for whom it is readable, and that it runs nothing."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from tests.browser import AXE_TAGS, NARROW, WIDE, person
from tests.paths import ROOT
from tests.platform import Site
from tests.portal import contrast
from tests.portal.content import LINES, fill, pages
from tests.portal.many import MANY, plant
from tests.portal.markup import assert_well_made
from tests.portal.moving import migrations
from tests.portal.serving import HOSTILE, portal, sources
from tests.postgres import postgres

# Rules that look at colours and sizes; the others find the same in any look.
LOOKS = ['color-contrast', 'target-size', 'link-in-text-block']
# What a page asks for beside itself.
BESIDE = ['script', 'stylesheet']
TEXT, CONTROL = 4.5, 3.0
TINTS = ('ok', 'warn', 'bad', 'run')
FRONTS = ('text', 'muted', 'accent', *TINTS)
# What is in front of what, and how well it must be seen.
PAIRS = {
    **{('text', f'{tint}-tint'): TEXT for tint in (*TINTS, 'plain')},
    **{(tint, f'{tint}-tint'): TEXT for tint in TINTS},
    **{(front, back): TEXT for front in FRONTS for back in ('bg', 'surface')},
    **{('control', back): CONTROL for back in ('bg', 'surface')},
    ('on-accent', 'accent'): TEXT,
    ('on-bad', 'bad'): TEXT,
}
RETURNS = "setInterval(() => document.dispatchEvent(new Event('visibilitychange')), 5)"
ROUNDS = 20
# How often as long as the same part of it by REST a page of the list may take.
MOST_TIMES = 6


Paths = dict[str, str]


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp('portal')


@pytest.fixture(scope='module')
def site(folder: Path) -> Iterator[Site]:
    """A portal with awkward stacks, one of them in the middle of a run."""
    with portal(folder) as site, fill(site):
        yield site


@pytest.fixture(scope='module')
def all_pages(site: Site, folder: Path) -> Iterator[Paths]:
    """Where each page is, those of migrations too, one of them in its midst."""
    with postgres() as server, migrations(site, server, sources(folder)) as found:
        yield {**pages(site), **found}


def test_for_everybody(browser: Browser, site: Site, all_pages: Paths, whole: bool) -> None:
    """Each page can be used by everybody, in light and dark, wide and narrow, and runs nothing."""
    found: list[str] = []
    with person(browser, site.service.url) as ann:
        for path in all_pages.values():
            before = len(ann.requests)
            look(ann.page, 'light', WIDE)
            ann.go(path)
            found += ann.violations()
            look(ann.page, 'dark', NARROW)
            found += ann.violations(AXE_TAGS if whole else LOOKS)
            if whole:
                look(ann.page, 'dark', WIDE)
                found += ann.violations()
                look(ann.page, 'light', NARROW)
                found += ann.violations()
            if ann.width() > NARROW[0]:
                found.append(f'{path} is {ann.width()} pixels wide')
            kinds = sorted(each.resource_type for each in ann.requests[before:])
            if [each for each in kinds if each != 'xhr'] != ['document', *BESIDE]:
                found.append(f'{path} asks for {kinds}')
    assert not found, '\n'.join(found)


def test_markup(browser: Browser, site: Site, all_pages: Paths) -> None:
    """Each page is small, and such HTML as pages must be."""
    with person(browser, site.service.url, java_script_enabled=False) as ann:
        for path in all_pages.values():
            ann.go(path)
        assert_well_made(ann, site.service.url)


def test_text_of_others(browser: Browser, site: Site, all_pages: Paths) -> None:
    """Text of people and programs is shown as it is, wherever it comes from."""
    where = all_pages
    with person(browser, site.service.url) as ann:
        for name in ('stack', 'edit', 'run', 'run-broken', 'preview'):
            ann.go(where[name])
            typed = ann.page.locator('input[type=text]').evaluate_all(
                'all => all.map(e => e.value)'
            )
            text = ann.page.get_by_role('main').text_content() or ''
            assert HOSTILE in text or HOSTILE in typed, (name, text[:2000])


def test_long_log(browser: Browser, site: Site) -> None:
    """A log of thousands of lines is whole: by itself, and without scripts part by part."""
    path = pages(site)['run']
    whole = site.client.log({'id': path.rpartition('/')[2]})
    assert whole.count('\n') > LINES
    with person(browser, site.service.url) as ann:
        ann.go(path)
        # Who looks at other tabs and comes back again and again gets each line once.
        ann.page.evaluate(RETURNS)
        expect(ann.page.locator('#more')).to_have_count(0)
        assert ann.page.locator('#log').text_content() == whole
        assert ann.width() <= WIDE[0]
    with person(browser, site.service.url, java_script_enabled=False) as bob:
        bob.go(path)
        parts = [bob.page.locator('#log').text_content() or '']
        for _ in range(4):
            bob.page.get_by_role('link', name='Next part of the log').click()
            parts.append(bob.page.locator('#log').text_content() or '')
        assert whole.startswith(''.join(parts))
        bob.page.get_by_role('link', name='From the beginning').click()
        assert bob.page.locator('#log').text_content() == parts[0]
        assert_well_made(bob, site.service.url)


def test_motion(browser: Browser, site: Site) -> None:
    """Nothing moves for those who do not want it."""
    with person(browser, site.service.url, reduced_motion='reduce') as ann:
        ann.go(pages(site)['run-busy'])
        assert ann.page.evaluate('document.getAnimations().length') == 0
        expect(ann.page.locator('#progress')).to_have_attribute('data-state', 'running')


def test_contrast(record_property: Any) -> None:
    """Each colour is seen well in front of each one that it is before, in light and in dark."""
    css = (ROOT / 'portal' / 'static' / 'portal.css').read_text()
    table = contrast.table(css, PAIRS)
    record_property('notes', f'{len(table)} pairs, the least {min(table.values())[0]:.1f}')
    assert {pair: found for pair, (found, least) in table.items() if found < least} == {}


def test_many_stacks(site: Site, record_property: Any) -> None:
    """The list of a thousand stacks takes not much longer as a page than the same part by REST."""
    plant(site.service.state)
    samples: dict[str, list[float]] = {'/portal/stacks': [], '/v1/stacks?limit=50': []}
    with requests.Session() as session:
        for _ in range(ROUNDS):
            for path, seconds in samples.items():
                started = time.perf_counter()
                answer = session.get(site.service.url + path, timeout=30)
                seconds.append(time.perf_counter() - started)
                assert answer.status_code == 200
        assert (
            'many-0999'
            in session.get(f'{site.service.url}/portal/stacks?q=many-0999', timeout=30).text
        )
    page, rest = map(statistics.median, samples.values())
    record_property('notes', f'{MANY} stacks: {page * 1000:.1f} ms, REST {rest * 1000:.1f} ms')
    assert page < MOST_TIMES * rest


def look(page: Page, scheme: Any, size: tuple[int, int]) -> None:
    """Have a page in other colours and in another size."""
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({'width': size[0], 'height': size[1]})
