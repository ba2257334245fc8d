"""What people do with the portal, in a real browser and on the real engine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import Person
from tests.doers import await_that
from tests.platform import TOKEN, Site, inputs
from tests.portal.serving import portal
from tests.portal.steps import destroy, ended, logged, shown, visiting

FOCUS = """() => {
    const at = document.activeElement
    const box = at.getBoundingClientRect(), style = getComputedStyle(at)
    return {
        name: (at.labels?.[0] || at).textContent.trim() || at.getAttribute('aria-label'),
        place: [...document.querySelectorAll('*')].indexOf(at),
        isSeen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2
            && box.width > 0 && box.left >= 0 && box.bottom > 0 && box.top < innerHeight,
    }
}"""


@pytest.fixture(scope='module')
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A portal that all tests here share, each with stacks of its own."""
    with portal(tmp_path_factory.mktemp('portal')) as site:
        yield site


@pytest.fixture
def ann(browser: Browser, site: Site) -> Iterator[Person]:
    """Somebody at the catalogue, whose pages all are as pages must be, and have no secret."""
    with visiting(browser, site) as ann:
        yield ann


@pytest.mark.parametrize('has_scripts', [True, False])
def test_passwords(browser: Browser, site: Site, has_scripts: bool) -> None:
    """A stack goes from the catalogue by its form and a preview to its outputs, and to its end."""
    name = f'team-{"fast" if has_scripts else "slow"}'
    with visiting(browser, site, has_scripts) as ann:
        page = ann.page
        page.get_by_role('link', name='Passwords').click()
        expect(page.get_by_role('heading', level=1)).to_have_text('Passwords')
        page.get_by_label('Name of the stack').fill('No Name')
        page.get_by_label('Accounts').fill('ann\nBob')
        page.get_by_label('Description').fill('Accounts of the team')
        page.get_by_label('8 hours').check()
        page.get_by_role('button', name='Preview', exact=True).click()
        # What is wrong is told on top and beside the field; what was typed stays.
        problem = page.get_by_role('alert')
        expect(problem).to_contain_text('There is a problem')
        assert page.title().startswith('Error: ')
        expect(page.get_by_label('Accounts')).to_have_value('ann\nBob')
        expect(page.get_by_label('Description')).to_have_value('Accounts of the team')
        expect(page.get_by_label('8 hours')).to_be_checked()
        problem.get_by_role('link', name='Name').click()
        expect(page.get_by_label('Name of the stack')).to_be_focused()
        page.get_by_label('Name of the stack').fill(name)
        page.get_by_label('Accounts').fill('ann\nbob')
        page.get_by_role('button', name='Preview', exact=True).click()
        ended(ann, 'Preview', name)
        expect(page.locator('#progress')).to_contain_text('2 to create')
        page.get_by_role('button', name=f'Create {name}').click()
        ended(ann, 'Update', name)
        expect(page.locator('#progress')).to_contain_text('2 created')
        assert logged(page) == site.client.log(last_run(site, name))
        page.get_by_role('link', name=f'Go to {name}').click()
        expect(page.get_by_text('Accounts of the team').first).to_be_visible()
        expect(page.get_by_role('main')).to_contain_text(re.compile(r'\(in [78] h\)'))
        secret = revealed(page)
        assert 'ann' in secret
        destroy(ann, name)
        expect(page.get_by_role('main')).to_contain_text('2 deleted')
        assert ann.go(f'/portal/stacks/{name}') == 404
        assert page.title().startswith('Error: ')
        shown = [each.url for each in ann.answers if unescape(each.text).count(secret)]
        assert {url.rpartition('/')[2] for url in shown} == {'reveal'}


def test_site(ann: Person, site: Site) -> None:
    """A website is made from the form, opened, edited by what a preview shows, and destroyed."""
    page = ann.page
    page.get_by_role('link', name='Static site').click()
    page.get_by_label('Name of the stack').fill('homepage')
    page.get_by_label('Page', exact=True).fill('<h1>One</h1>')
    page.get_by_role('button', name='Create without preview').click()
    ended(ann, 'Update', 'homepage')
    page.get_by_role('link', name='Go to homepage').click()
    link = page.get_by_role('link', name='http://')
    opened = ann.context.new_page()
    opened.goto(link.get_attribute('href') or '')
    expect(opened.get_by_role('heading')).to_have_text('One')
    page.get_by_role('link', name='Change inputs').click()
    expect(page.get_by_label('Page', exact=True)).to_have_value('<h1>One</h1>')
    page.get_by_label('Page', exact=True).fill('<h1>Two</h1>')
    page.get_by_role('button', name='Preview', exact=True).click()
    ended(ann, 'Preview', 'homepage')
    expect(page.locator('#progress')).to_contain_text('1 to change')
    change = page.get_by_role('row', name='content').last
    expect(change.locator('del')).to_contain_text('<h1>One</h1>')
    expect(change.locator('ins')).to_contain_text('<h1>Two</h1>')
    page.get_by_role('button', name='Update homepage').click()
    ended(ann, 'Update', 'homepage')
    opened.reload()
    expect(opened.get_by_role('heading')).to_have_text('Two')
    opened.close()
    ann.go('/portal/stacks/homepage')
    destroy(ann, 'homepage')
    ann.go('/portal/stacks')
    expect(page.get_by_role('link', name='homepage')).to_have_count(0)


@pytest.mark.parametrize('has_scripts', [True, False])
def test_cancel(browser: Browser, site: Site, has_scripts: bool) -> None:
    """A slow run is watched, left and come back to, cancelled, and completed by another one."""
    with visiting(browser, site, has_scripts) as ann, marked(site, 'slow') as slow:
        page = ann.page
        fill_files(ann, 'slowly', 'one', 'two')
        page.get_by_role('button', name='Create without preview').click()
        await_that((site.files / 'waiting-create').exists)
        shown(ann, 'one creating')
        page.reload()
        expect(page.locator('#progress')).to_have_attribute('data-state', 'running')
        page.get_by_role('link', name='slowly').first.click()
        expect(page.get_by_role('status').first).to_contain_text('nothing else can be started')
        expect(page.get_by_role('button', name='Look now')).to_have_count(0)
        page.go_back()
        shown(ann, 'one creating')
        page.get_by_role('button', name='Cancel run').click()
        expect(page.get_by_role('button', name='Cancel at once')).to_be_visible()
        slow.unlink()
        ended(ann, 'Update', 'slowly')
        expect(page.locator('#progress')).to_have_attribute('data-state', 'cancelled')
        assert logged(page) == site.client.log(last_run(site, 'slowly'))
        page.reload()
        assert logged(page) == site.client.log(last_run(site, 'slowly'))
        page.get_by_role('button', name='Try again').click()
        ended(ann, 'Update', 'slowly')
        assert site.existing('slowly') == {'one', 'two'}
    site.client.done(site.client.destroy('slowly'))


def test_live(ann: Person, site: Site) -> None:
    """What is pressed twice is done once; after a lost connection each line is there once."""
    ann.forgiven.append('net::ERR_INTERNET_DISCONNECTED')
    page = ann.page
    with marked(site, 'slow'):
        fill_files(ann, 'alive', 'one', 'two')
        page.get_by_role('button', name='Create without preview').dblclick()
        await_that((site.files / 'waiting-create').exists)
        shown(ann, 'one creating')
        ann.context.set_offline(True)
        expect(page.locator('#news')).to_contain_text('Connection lost')
    site.client.ended(last_run(site, 'alive'))
    ann.context.set_offline(False)
    ended(ann, 'Update', 'alive')
    expect(page.locator('#progress')).to_contain_text('2 created')
    expect(page.get_by_role('link', name='Go to alive')).to_be_visible()
    expect(page.get_by_role('button', name='Cancel')).to_have_count(0)
    expect(page.get_by_text('Refresh')).to_have_count(0)
    assert logged(page) == site.client.log(last_run(site, 'alive'))
    assert len(site.client.get('/runs?stack=alive')['items']) == 1
    site.client.done(site.client.destroy('alive'))


def test_failing(ann: Person, site: Site) -> None:
    """A run that fails says first what failed and why, and can be tried again."""
    with marked(site, 'fail-create'):
        fill_files(ann, 'failing', 'x')
        ann.page.get_by_role('button', name='Create without preview').click()
        ended(ann, 'Update', 'failing')
    main = ann.page.get_by_role('main').inner_text()
    assert 'x failed' in main
    assert main.index('the file cannot be created, says the test') < main.index('Log')
    assert ann.page.title().startswith('Failed: ')
    ann.page.get_by_role('button', name='Try again').click()
    ended(ann, 'Update', 'failing')
    assert site.existing('failing') == {'x'}
    site.client.done(site.client.destroy('failing'))


def test_two_tabs(ann: Person, site: Site) -> None:
    """A preview of what has changed since is refused in words, also where its page was open."""
    site.client.done(site.client.create('shared', inputs('a')))
    ann.go('/portal/stacks/shared/edit')
    other = ann.another_tab()
    for tab, text in ((ann.page, 'mine'), (other, 'theirs')):
        tab.goto('/portal/stacks/shared/edit')
        tab.get_by_text('Optional inputs').click()
        tab.get_by_label('Text').fill(text)
        tab.get_by_role('button', name='Preview', exact=True).click()
        ended(ann, 'Preview', 'shared', tab)
    other.get_by_role('button', name='Update shared').click()
    ended(ann, 'Update', 'shared', other)
    ann.page.get_by_role('button', name='Update shared').click()
    expect(ann.page.get_by_role('main')).to_contain_text('changed since')
    assert ann.pages()[-1].status == 409
    assert (site.files / 'stack.shared-a').read_text().startswith('theirs')
    # An old form is refused as well.
    other.goto('/portal/stacks/shared/edit')
    ann.go('/portal/stacks/shared/edit')
    site.client.done(site.client.start('shared', 'update', inputs={'text': 'newer'}))
    other.get_by_text('Optional inputs').click()
    other.get_by_label('Text').fill('older')
    other.get_by_role('button', name='Update without preview').click()
    expect(other.get_by_role('alert')).to_contain_text('changed')
    assert (site.files / 'stack.shared-a').read_text().startswith('newer')
    site.client.done(site.client.destroy('shared'))


def test_settings(ann: Person, site: Site) -> None:
    """A stack gets more time, a description and a protection, which has nobody destroy it."""
    page = ann.page
    site.client.done(site.client.create('kept', inputs('a'), ttl='1h'))
    ann.go('/portal/stacks/kept')
    expect(page.get_by_role('main')).to_contain_text(
        re.compile('destroyed in (59|60) min|destroyed in 1 h')
    )
    page.get_by_label('Let it last').select_option('3d')
    page.get_by_role('button', name='Extend').click()
    expect(page.get_by_role('main')).to_contain_text('(in 3 days)')
    page.get_by_label('Description').fill('Mine <b>')
    page.get_by_role('button', name='Save').click()
    expect(page.get_by_text('Mine <b>').first).to_be_visible()
    page.get_by_role('button', name='Protect it').click()
    expect(page.get_by_role('link', name='Destroy kept')).to_have_count(0)
    assert ann.go('/portal/stacks/kept/destroy') == 409
    ann.go('/portal/stacks/kept')
    page.get_by_role('button', name='Take the protection away').click()
    destroy(ann, 'kept')


def test_drift(ann: Person, site: Site) -> None:
    """What was changed outside is found by a look, and brought back by a press."""
    site.client.done(site.client.create('drifting', inputs('a', 'b')))
    (site.files / 'stack.drifting-a').write_text('changed')
    ann.go('/portal/stacks/drifting')
    ann.page.get_by_role('button', name='Look now').click()
    ended(ann, 'Changes outside', 'drifting')
    ann.go('/portal/stacks/drifting')
    expect(ann.page.locator('#drift')).to_contain_text('1 resource differs')
    ann.page.get_by_role('button', name='Bring back').click()
    ended(ann, 'Update', 'drifting')
    ann.go('/portal/stacks/drifting')
    expect(ann.page.get_by_text('Drifted')).to_have_count(0)
    assert (site.files / 'stack.drifting-a').read_text().startswith('hello')
    site.client.done(site.client.destroy('drifting'))


def test_keyboard(browser: Browser, site: Site) -> None:
    """A stack is ordered with the keyboard alone, from the top down, and one sees where one is."""
    with visiting(browser, site) as ann:
        page = ann.page
        tab_to(page, 'Skip to the content')
        page.keyboard.press('Enter')
        expect(page.locator('main')).to_be_focused()
        tab_to(page, 'Passwords')
        page.keyboard.press('Enter')
        expect(page.get_by_role('heading', level=1)).to_have_text('Passwords')
        tab_to(page, 'Name of the stack')
        page.keyboard.press('Control+A')
        page.keyboard.type('by-keyboard')
        tab_to(page, 'Accounts')
        page.keyboard.type('ann')
        tab_to(page, 'Optional inputs (2, all with defaults)')
        page.keyboard.press('Enter')
        tab_to(page, 'Length (optional)')
        tab_to(page, 'Preview')
        page.keyboard.press('Enter')
        expect(page.get_by_role('heading', level=1)).to_have_text('Preview of by-keyboard')
        expect(page.get_by_role('button', name='Create by-keyboard')).to_be_visible()
        tab_to(page, 'Create by-keyboard')
        page.keyboard.press('Enter')
        expect(page.get_by_role('heading', level=1)).to_have_text('Update of by-keyboard')
        expect(page.locator('#progress')).to_have_attribute('data-state', 'succeeded')
        site.client.done(site.client.destroy('by-keyboard'))


@contextmanager
def marked(site: Site, name: str) -> Iterator[Path]:
    """Have the program of files be slow, or fail, until the mark is removed."""
    mark = site.files / name
    (site.files / 'waiting-create').unlink(missing_ok=True)
    mark.touch()
    try:
        yield mark
    finally:
        mark.unlink(missing_ok=True)


def fill_files(ann: Person, name: str, *names: str) -> None:
    """Fill in the form of the program of files, with the planted secret."""
    ann.go('/portal/programs/files/new')
    ann.page.get_by_label('Name of the stack').fill(name)
    ann.page.get_by_label('Names').fill('\n'.join(names))
    ann.page.get_by_label('Token').fill(TOKEN)


def revealed(page: Page) -> str:
    """Have a secret output shown, and return it."""
    page.get_by_role('button', name='Reveal').click()
    return page.locator('#outputs code').first.inner_text()


def last_run(site: Site, name: str) -> dict[str, Any]:
    """Return the last run of a stack."""
    found: dict[str, Any] = site.client.get(f'/runs?stack={name}&limit=1')['items'][0]
    return found


def tab_to(page: Page, name: str) -> None:
    """Go on by the Tab key to something of this name; what comes before is higher on the page."""
    place = page.evaluate(FOCUS)['place']
    passed: list[str] = []
    for _ in range(60):
        page.keyboard.press('Tab')
        at = page.evaluate(FOCUS)
        assert at['isSeen'], at
        assert at['place'] > place, (at, passed)
        place = at['place']
        if at['name'] == name:
            return
        passed.append(at['name'])
    raise AssertionError(f'{name} is not among {passed}')
