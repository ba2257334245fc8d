"""Who may look at the portal, and who may do what there: sessions, roles, and other sites."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests import nginx
from tests.browser import Person, person
from tests.platform import TOKEN, Client, Site, inputs
from tests.portal.elsewhere import form, served
from tests.portal.markup import assert_well_made
from tests.portal.serving import portal_with_tokens

# What forms of a stack's pages send, each to the path below it.
FORGED: Mapping[str, Mapping[str, str]] = {
    'runs': {'operation': 'update'},
    'edit': {'action': 'update', 'input-text': 'forged'},
    'change': {'description': 'forged'},
    'reveal': {'output': 'token'},
    'destroy': {'confirmed': 'ullas'},
}


@pytest.fixture(scope='module')
def named(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Site, Mapping[str, str]]]:
    """A portal for people with tokens, with a stack that is ulla's."""
    with portal_with_tokens(tmp_path_factory.mktemp('portal')) as (site, tokens):
        ulla = Client(site.service.url, tokens['ulla'])
        ulla.done(ulla.create('ullas', inputs('a')))
        yield site, tokens


@pytest.fixture
def site(named: tuple[Site, Mapping[str, str]]) -> Site:
    return named[0]


@pytest.fixture
def tokens(named: tuple[Site, Mapping[str, str]]) -> Mapping[str, str]:
    return named[1]


def test_session(browser: Browser, site: Site, tokens: Mapping[str, str]) -> None:
    """One signs in with a token, gets where one wanted to, and after a sign-out nobody is in."""
    with signing_in(browser, site, tokens) as ann:
        page = ann.page
        ann.go('/portal/stacks?state=ready')
        expect(page.get_by_role('heading', level=1)).to_have_text('Sign in')
        assert ann.width() == ann.page.evaluate('innerWidth')
        assert ann.violations() == []
        sign_in(ann, tokens['ulla'][:-1])
        expect(page.get_by_role('alert')).to_contain_text('This token is not right')
        assert (ann.pages()[-1].status, page.title()[:7]) == (401, 'Error: ')
        expect(page.locator('.error-summary')).to_be_focused()
        sign_in(ann, tokens['ulla'])
        expect(page).to_have_url(f'{site.service.url}/portal/stacks?state=ready')
        [cookie] = ann.context.cookies()
        assert (cookie['httpOnly'], cookie['sameSite'], cookie['path']) == (True, 'Lax', '/')
        assert cookie['expires'] == -1
        assert not any(token in cookie['value'] for token in tokens.values())
        page.get_by_role('button', name='Sign out').click()
        expect(page.get_by_role('heading', level=1)).to_have_text('Sign in')
        assert ann.context.cookies() == []
        ann.context.add_cookies([{**cookie, 'expires': -1}])  # type: ignore[typeddict-item]
        ann.go('/portal/stacks/ullas')
        expect(page.get_by_role('heading', level=1)).to_have_text('Sign in')
        old = ann.context.request.post('/portal/stacks/ullas/runs', form={'operation': 'update'})
        assert old.status == 401


def test_signed_out_meanwhile(browser: Browser, site: Site, tokens: Mapping[str, str]) -> None:
    """A page that watches a run says so when one has signed out in another tab; the run goes on."""
    slow = site.files / 'slow'
    slow.touch()
    ulla = Client(site.service.url, tokens['ulla'])
    run = ulla.create('watched', inputs('a'))
    try:
        with signing_in(browser, site, tokens) as ann:
            ann.go(f'/portal/runs/{run["id"]}')
            sign_in(ann, tokens['ulla'])
            expect(ann.page.get_by_role('heading', level=1)).to_have_text('Update of watched')
            other = ann.another_tab()
            other.goto('/portal')
            other.get_by_role('button', name='Sign out').click()
            expect(ann.page.locator('#news')).to_contain_text('You are not signed in any more')
            expect(ann.page.get_by_role('heading', level=1)).to_have_text('Update of watched')
    finally:
        slow.unlink()
    ulla.done(run)
    ulla.done(ulla.destroy('watched'))


def test_next(browser: Browser, site: Site, tokens: Mapping[str, str]) -> None:
    """Signing in leads to no other site, whatever the link says."""
    for target in ('//example.org', 'https://example.org/portal', '/\\example.org', '/v1/stacks'):
        with signing_in(browser, site, tokens) as ann:
            ann.go(f'/portal/login?next={target}')
            sign_in(ann, tokens['ulla'])
            expect(ann.page).to_have_url(f'{site.service.url}/portal')


def test_reader(browser: Browser, site: Site, tokens: Mapping[str, str]) -> None:
    """A reader sees everything, is offered nothing, and is refused what he forges."""
    with signing_in(browser, site, tokens) as rita:
        rita.go('/portal')
        sign_in(rita, tokens['rita'])
        run = site.client.get('/stacks/ullas')['last_run']
        paths = ('', '/stacks', '/stacks/ullas', '/runs', f'/runs/{run}', '/stacks/ullas/history')
        for path in paths:
            assert rita.go(f'/portal{path}') == 200
            assert rita.page.get_by_role('button').all_inner_texts().count('Sign out') == 1
            offered = rita.page.locator('main form[method=post], main a.button.red')
            expect(offered).to_have_count(0)
        expect(rita.page.get_by_role('link', name='Change')).to_have_count(0)
        assert rita.go('/portal/programs/files/new') == 403
        assert_refused(rita, site)
        answer = rita.context.request.post(
            '/portal/programs/files/new', form={'name': 'forged', 'action': 'create'}
        )
        assert answer.status == 403


def test_owner(browser: Browser, site: Site, tokens: Mapping[str, str]) -> None:
    """A user may change what is his own and nothing else; an operator may change everything."""
    with signing_in(browser, site, tokens) as uwe:
        uwe.go('/portal/stacks/ullas')
        sign_in(uwe, tokens['uwe'])
        expect(uwe.page.locator('main form')).to_have_count(0)
        assert uwe.go('/portal/stacks/ullas/edit') == 403
        assert uwe.go('/portal/stacks/ullas/destroy') == 403
        assert_refused(uwe, site)
    for name in ('ulla', 'olaf'):
        with signing_in(browser, site, tokens) as owner:
            owner.go('/portal/stacks/ullas')
            sign_in(owner, tokens[name])
            owner.page.get_by_label('Description').fill(f'by {name}')
            owner.page.get_by_role('button', name='Save').click()
            expect(owner.page.get_by_role('main')).to_contain_text(f'by {name}')
            assert site.client.get('/stacks/ullas')['description'] == f'by {name}'
            expect(owner.page.get_by_role('link', name='Destroy ullas')).to_have_count(1)


def test_other_site(browser: Browser, site: Site, tokens: Mapping[str, str]) -> None:
    """A form that a page of another site sends is refused, though the browser sends the cookie."""
    target = f'{site.service.url}/portal/stacks/ullas'
    forms = {f'/{path}': form(f'{target}/{path}', **fields) for path, fields in FORGED.items()}
    with served(forms) as elsewhere, signing_in(browser, site, tokens) as ulla:
        ulla.go('/portal/stacks/ullas')
        sign_in(ulla, tokens['ulla'])
        expect(ulla.page.get_by_role('heading', level=1)).to_have_text('ullas')
        for path in forms:
            ulla.page.goto(f'{elsewhere}{path}')
            ulla.page.get_by_role('button').click()
            expect(ulla.page.get_by_role('main')).to_contain_text('from another site')
            assert ulla.pages()[-1].status == 403
    assert site.existing('ullas') == {'a'}
    assert site.client.get('/stacks/ullas')['description'] != 'forged'


def test_odd_forms(browser: Browser, site: Site, tokens: Mapping[str, str]) -> None:
    """Forms that no page sends are refused in words, and are no failure of the service."""
    odd: dict[str, dict[str, str | float | bool]] = {
        'edit': {'version': '9' * 5000, 'input-names': 'a'},
        'runs': {'operation': 'none', 'preview': 'x' * 5000},
        'change': {'ttl': '9' * 5000 + 'd', 'protected': 'perhaps'},
        'reveal': {'output': '\x00'},
        'destroy': {},
    }
    with signing_in(browser, site, tokens) as ulla:
        ulla.go('/portal')
        sign_in(ulla, tokens['ulla'])
        for path, fields in odd.items():
            answer = ulla.context.request.post(f'/portal/stacks/ullas/{path}', form=fields)
            assert answer.status < 500, path
            assert '<h1>' in answer.text(), path
        for kind, body in (
            ('application/json', '{}'),
            ('application/x-www-form-urlencoded', '%ff'),
        ):
            answer = ulla.context.request.post(
                '/portal/stacks/ullas/change', data=body.encode(), headers={'Content-Type': kind}
            )
            assert 400 <= answer.status < 500, kind
        large: dict[str, str | float | bool] = {'description': 'x' * 100_000}
        answer = ulla.context.request.post('/portal/stacks/ullas/change', form=large)
        assert answer.status == 413


def test_behind_tls(
    browser: Browser, site: Site, tokens: Mapping[str, str], tmp_path: Path
) -> None:
    """Behind nginx and TLS the cookie is bound to that host, and forms are taken as ours."""
    if tool := nginx.missing_tool():
        pytest.skip(f'{tool} is not here')
    with (
        nginx.balancing(tmp_path, 2 * [site.service.url]) as url,
        person(browser, url, ignore_https_errors=True) as ulla,
    ):
        ulla.go('/portal/stacks/ullas')
        sign_in(ulla, tokens['ulla'])
        [cookie] = ulla.context.cookies()
        assert (cookie['name'], cookie['secure']) == ('__Host-portal', True)
        ulla.page.get_by_label('Description').fill('through nginx')
        ulla.page.get_by_role('button', name='Save').click()
        expect(ulla.page.get_by_role('main')).to_contain_text('through nginx')
        assert_well_made(ulla, url)


def test_rate(browser: Browser, site: Site, tokens: Mapping[str, str]) -> None:
    """After some wrong tokens nobody from there is let in for a while, also with a right one."""
    with signing_in(browser, site, tokens) as ann:
        ann.go('/portal')
        for _ in range(5):
            sign_in(ann, 'wrong')
        sign_in(ann, tokens['ulla'])
        expect(ann.page.get_by_role('alert')).to_contain_text('Too many wrong tokens')
        answer = ann.pages()[-1]
        assert answer.status == 429
        assert 0 < int(answer.headers['retry-after']) <= 60
        assert ann.context.cookies() == []


@contextmanager
def signing_in(browser: Browser, site: Site, tokens: Mapping[str, str]) -> Iterator[Person]:
    """Yield somebody who has not signed in; then look through all that they were answered."""
    with person(browser, site.service.url) as found:
        yield found
        assert_well_made(found, site.service.url)
        for token in tokens.values():
            assert not [each.url for each in found.answers if token in each.text]


def sign_in(ann: Person, token: str) -> None:
    """Send the form of the page to sign in."""
    ann.page.get_by_label('Access token').fill(token)
    ann.page.get_by_role('button', name='Sign in').click()


def assert_refused(ann: Person, site: Site) -> None:
    """Assert that forms that somebody was not offered are refused, and that nothing is changed."""
    before = site.client.get('/stacks/ullas')
    for path, fields in FORGED.items():
        answer = ann.context.request.post(f'/portal/stacks/ullas/{path}', form=dict(fields))
        assert answer.status == 403, path
        assert TOKEN not in answer.text()
    assert site.client.get('/stacks/ullas') == before
    assert ann.context.request.get('/v1/stacks').status == 401
