"""The pages over a platform in memory: what they show, and what their forms do."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal import rendering
from stacks.requests import End, NewMigration, StackFilter
from tests.fake_triggers import add_some
from tests.portal_client import Browser, Page, run_of
from tests.rest_client import make_platform
from web.tokens import LOCAL, digest

TOKEN = 'a-token-of-the-test'
NEW: dict[str, str | list[str]] = {'name': 'web', 'input-team': 'planted', 'input-size': '2'}


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    return Browser(make_platform(tmp_path))


def create(browser: Browser, **fields: str) -> str:
    """Create a stack by its form, and return the run's id."""
    answer = browser.send('/programs/token/new', {**NEW, 'action': 'create', **fields})
    return run_of(answer)


def test_empty(browser: Browser) -> None:
    """Where there is nothing yet, each page says so, and leads on."""
    assert 'No stacks yet' in browser.page('/stacks').text
    assert 'No runs yet' in browser.page('/runs').text
    assert 'No calls from elsewhere yet' in browser.page('/triggers').text
    assert '/portal/programs/token/new' in [each['href'] for each in browser.page().all('a')]


def test_create_by_preview(browser: Browser) -> None:
    """A stack is previewed by its form, decided on the preview's page, and then there."""
    run = run_of(browser.send('/programs/token/new', {**NEW, 'action': 'preview'}))
    page = browser.page(f'/runs/{run}')
    assert 'Preview of web' in page.text
    assert 'Create web' in page.text
    decided = browser.send('/stacks/web/runs', {'operation': 'update', 'preview': run})
    assert 'Update of web' in browser.page(f'/runs/{run_of(decided)}').text
    assert 'Ready' in browser.page('/stacks/web').text


def test_outdated_preview(browser: Browser) -> None:
    """A preview that another run has come after cannot be decided any more, and says why."""
    create(browser)
    run = run_of(browser.send('/stacks/web/edit', {'action': 'preview', 'input-size': '3'}))
    browser.send('/stacks/web/runs', {'operation': 'update'})
    page = browser.page(f'/runs/{run}')
    assert 'another run since this preview' in page.text
    assert 'Update web' not in page.text
    late = browser.send('/stacks/web/runs', {'operation': 'update', 'preview': run})
    assert late.status_code == 409


def test_run_of_migration(browser: Browser) -> None:
    """The run of a migration is in the list, and has a page, as others are."""
    wish = NewMigration(End(url='sqlite:///a.db'), End(stack='web'))
    found = browser.platform.migrations.create(LOCAL, wish)
    assert 'a migration' in browser.page('/runs').text
    assert f'Migrate {found.id}' in browser.page(f'/runs/{found.run}').text


def test_form_with_errors(browser: Browser) -> None:
    """A form that cannot be used comes back with what was typed, except secrets, and why."""
    fields: dict[str, str | list[str]] = {**NEW, 'name': 'No Name', 'input-size': 'many'}
    answer = browser.send('/programs/token/new', {**fields, 'action': 'create'})
    page = Page(answer.text)
    assert answer.status_code == 422
    assert page.text.startswith('Error: ')
    assert page.field('name')['value'] == 'No Name'
    assert page.field('input-size')['value'] == 'many'
    assert page.field('input-size')['aria-invalid'] == 'true'
    assert 'value' not in page.field('input-team')
    assert {'#name', '#input-size'} <= {each['href'] for each in page.all('a')}
    assert browser.platform.stacks(LOCAL, StackFilter(), 1, None).items == []


def test_name_taken(browser: Browser) -> None:
    """A name that is taken is told at its field."""
    create(browser)
    answer = browser.send('/programs/token/new', {**NEW, 'action': 'create'})
    assert answer.status_code == 422
    assert 'Name of the stack is taken' in Page(answer.text).text


def test_secret_is_nowhere(browser: Browser) -> None:
    """A secret that was typed is in no page."""
    run = create(browser)
    pages = ('/stacks/web', '/stacks/web/edit', f'/runs/{run}', f'/runs/{run}/live', '/runs')
    assert not [path for path in pages if 'planted' in browser.visit(path).text]


def test_edit(browser: Browser) -> None:
    """A form of what is there shows it, and keeps the secret that is left empty."""
    create(browser)
    page = browser.page('/stacks/web/edit')
    assert page.field('input-size')['value'] == '2'
    assert 'Leave empty to keep it' in page.text
    fields: dict[str, str | list[str]] = {'input-size': '5', 'input-team': '', 'keep-team': 'on'}
    run_of(browser.send('/stacks/web/edit', {**fields, 'action': 'update'}))
    assert browser.platform.stack(LOCAL, 'web').inputs == {'size': 5, 'team': '[secret]'}


def test_edit_of_another_version(browser: Browser) -> None:
    """A form of a stack that has changed meanwhile is refused, and keeps what was typed."""
    create(browser)
    answer = browser.send(
        '/stacks/web/edit', {'version': '1', 'input-size': '7', 'action': 'update'}
    )
    assert answer.status_code == 409
    assert Page(answer.text).field('input-size')['value'] == '7'
    digits = browser.send('/stacks/web/edit', {'version': '9' * 5000, 'action': 'preview'})
    assert digits.status_code == 303


def test_destroy(browser: Browser) -> None:
    """A stack is destroyed only with its name typed as it stands."""
    create(browser)
    assert 'Type web to confirm' in browser.page('/stacks/web/destroy').text
    for wrong in ('', 'Web', 'web2'):
        answer = browser.send('/stacks/web/destroy', {'confirmed': wrong})
        assert answer.status_code == 422
        assert 'There is a problem' in Page(answer.text).text
    run_of(browser.send('/stacks/web/destroy', {'confirmed': 'web'}))
    assert browser.visit('/stacks/web').status_code == 404


def test_protected(browser: Browser) -> None:
    """A protected stack cannot be destroyed, and its page says what to do."""
    create(browser)
    browser.send('/stacks/web/change', {'protected': 'on'})
    assert 'take the protection away first' in browser.page('/stacks/web').text
    assert browser.visit('/stacks/web/destroy').status_code == 409
    assert browser.send('/stacks/web/destroy', {'confirmed': 'web'}).status_code == 409


def test_failed_run(browser: Browser) -> None:
    """The page of a run that failed begins with why, and offers to try again."""
    create(browser)
    browser.platform.failing = {'update'}
    run = run_of(browser.send('/stacks/web/runs', {'operation': 'update'}))
    page = browser.page(f'/runs/{run}')
    assert page.text.startswith('Failed: Update of web')
    assert 'It failed, says the test.' in page.text
    assert 'Try again' in page.text


def test_running(browser: Browser) -> None:
    """A run that is on can be cancelled; meanwhile the stack's page leads to it."""
    browser.platform.ends_in_time = False
    run = create(browser)
    assert 'Cancel run' in browser.page(f'/runs/{run}').text
    assert f'/portal/runs/{run}' in [
        each.get('href') for each in browser.page('/stacks/web').all('a')
    ]
    assert browser.send(f'/runs/{run}/cancel', {'sure': 'yes'}).status_code == 303
    assert 'Cancelling' in browser.page(f'/runs/{run}').text
    second = browser.send('/stacks/web/runs', {'operation': 'update'})
    assert second.status_code == 409
    assert f'/portal/runs/{run}' in [each['href'] for each in Page(second.text).all('a')]


def test_reveal(browser: Browser) -> None:
    """A secret output is shown only when that is asked for, and not the next time."""
    browser.platform.outputs = {'password': '[secret]', 'url': 'https://example.org/'}
    browser.platform.revealed = {'a': 'p4ss'}
    create(browser)
    answer = browser.send('/stacks/web/reveal', {'output': 'password'})
    assert '{"a": "p4ss"}' in Page(answer.text).text
    assert answer.headers['cache-control'] == 'no-store'
    page = browser.page('/stacks/web')
    assert 'p4ss' not in page.text
    assert 'https://example.org/' in [each.get('href') for each in page.all('a')]
    assert browser.send('/stacks/web/reveal', {'output': 'url'}).status_code == 404


@pytest.mark.parametrize(
    'value', ['javascript:alert(1)', 'data:text/html,x', 'https://', '//x', 'https://a b']
)
def test_links(browser: Browser, value: str) -> None:
    """Only an address of HTTP is a link."""
    browser.platform.outputs = {'url': value}
    create(browser)
    assert value not in [each.get('href') for each in browser.page('/stacks/web').all('a')]


def test_html_stays_text(browser: Browser) -> None:
    """Whatever people and programs write is text in every page."""
    evil = '<script>alert(1)</script>"\'><img src=x onerror=alert(1)>'
    browser.platform.outputs = {evil: {evil: evil}}
    run = create(browser, description=evil)
    browser.platform.logs[run] += f'</pre>{evil}\n'
    for path in (
        '/stacks/web',
        f'/runs/{run}',
        f'/runs/{run}/live',
        '/stacks',
        f'/stacks?q={evil}',
    ):
        text = browser.visit(path).text
        assert '<script>alert' not in text
        assert '<img' not in text


@pytest.mark.parametrize(
    'headers', [{'Sec-Fetch-Site': 'cross-site'}, {'Sec-Fetch-Site': 'same-site'}]
)
def test_forms_of_others(browser: Browser, headers: dict[str, str]) -> None:
    """A form that another site sends is refused, and does nothing."""
    answer = browser.send('/programs/token/new', {**NEW, 'action': 'create'}, **headers)
    assert answer.status_code == 403
    assert 'from another site' in Page(answer.text).text
    assert browser.visit('/stacks/web').status_code == 404


@pytest.mark.parametrize(
    ('origin', 'status'),
    [
        (None, 303),
        ('http://falconframework.org', 303),
        ('https://falconframework.org', 303),
        ('http://falconframework.org:81', 403),
        ('http://evil.example', 403),
        ('null', 403),
        ('http://[', 403),
    ],
)
def test_origin(browser: Browser, origin: str | None, status: int) -> None:
    """Where a browser does not say whether a form is of the same site, its origin tells."""
    headers = {'Sec-Fetch-Site': ''} | ({'Origin': origin} if origin else {})
    answer = browser.send('/programs/token/new', {**NEW, 'action': 'create'}, **headers)
    assert answer.status_code == status


def test_sign_in(tmp_path: Path) -> None:
    """With a token one signs in, and out; the session is over then, whoever has its cookie."""
    browser = Browser(make_platform(tmp_path), api_token=TOKEN)
    first = browser.visit('/stacks?state=failed')
    assert first.status_code == 303
    assert first.headers['location'] == '/portal/login?next=%2Fportal%2Fstacks%3Fstate%3Dfailed'
    wrong = browser.sign_in('wrong')
    assert (wrong.status_code, 'This token is not right' in wrong.text) == (401, True)
    right = browser.sign_in(f' {TOKEN}\n')
    assert (right.status_code, right.headers['location']) == (303, '/portal/stacks')
    assert TOKEN not in str(right.headers)
    assert browser.visit('/stacks').status_code == 200
    kept = dict(browser.cookies)
    assert browser.send('/logout', {'sure': 'yes'}).status_code == 303
    browser.cookies = kept
    assert browser.visit('/stacks').status_code == 303
    late = browser.send('/programs/token/new', {**NEW, 'action': 'create'})
    assert late.status_code == 401
    assert 'Sign in in another tab' in Page(late.text).text


def test_cookie(tmp_path: Path) -> None:
    """The cookie is for this host, out of reach of scripts, and with TLS only sent by TLS."""
    browser = Browser(make_platform(tmp_path), api_token=TOKEN)
    plain = browser.sign_in(TOKEN).headers['set-cookie']
    assert plain.startswith('portal-80=')
    assert 'HttpOnly' in plain
    assert 'SameSite=Lax' in plain
    assert 'Secure' not in plain
    browser.cookies = {}
    headers = {'X-Forwarded-Proto': 'https', 'Content-Type': 'application/x-www-form-urlencoded'}
    secure = browser.simulate_post('/portal/login', body=f'token={TOKEN}', headers=headers)
    assert secure.headers['set-cookie'].startswith('__Host-portal=')
    assert 'Secure' in secure.headers['set-cookie']
    assert 'Domain' not in secure.headers['set-cookie']


@pytest.mark.parametrize(
    'target',
    [
        '//evil.example',
        'https://evil.example',
        '/portal//evil',
        '/portal/\\evil',
        '/portalevil',
        '/v1',
        '',
    ],
)
def test_where_a_login_leads(tmp_path: Path, target: str) -> None:
    """A login leads to a page of ours, whatever the link to it says."""
    browser = Browser(make_platform(tmp_path), api_token=TOKEN)
    answer = browser.send('/login', {'token': TOKEN, 'next': target})
    assert answer.headers['location'] == '/portal'


def test_too_many_wrong_tokens(tmp_path: Path) -> None:
    """After five wrong tokens in a minute none is looked at, not even the right one."""
    browser = Browser(make_platform(tmp_path), api_token=TOKEN)
    assert [browser.sign_in('wrong').status_code for _ in range(5)] == [401] * 5
    refused = browser.sign_in(TOKEN)
    assert refused.status_code == 429
    assert 0 < int(refused.headers['retry-after']) <= 60


def test_roles(tmp_path: Path) -> None:
    """Readers are offered nothing that changes something, and refused what they send anyway."""
    file = tmp_path / 'tokens'
    lines = [
        f'{name} {role} {digest(name)}'
        for name, role in (('ann', 'user'), ('rob', 'reader'), ('bea', 'user'))
    ]
    file.write_text('\n'.join(lines))
    platform = make_platform(tmp_path)
    ann, rob, bea = (Browser(platform, api_tokens_file=str(file)) for _ in range(3))
    for browser, name in ((ann, 'ann'), (rob, 'rob'), (bea, 'bea')):
        browser.sign_in(name)
    create(ann)
    assert 'Destroy web' in ann.page('/stacks/web').text
    for browser in (rob, bea):
        page = browser.page('/stacks/web')
        assert 'Destroy web' not in page.text
        assert [
            each['action'] for each in page.all('form') if each['action'] != '/portal/logout'
        ] == []
    assert rob.visit('/programs/token/new').status_code == 403
    assert rob.send('/programs/token/new', {**NEW, 'name': 'new'}).status_code == 403


def test_token_that_is_taken_away(tmp_path: Path) -> None:
    """A session ends with its token, and its role is the one that the token has now."""
    file = tmp_path / 'tokens'
    file.write_text(f'ann user {digest("ann")}\n')
    browser = Browser(make_platform(tmp_path), api_tokens_file=str(file))
    browser.sign_in('ann')
    assert browser.visit('/stacks').status_code == 200
    file.write_text(f'ann reader {digest("ann")}\n')
    assert browser.visit('/programs/token/new').status_code == 403
    file.write_text(f'bob user {digest("bob")}\n')
    assert browser.visit('/stacks').status_code == 303


def test_headers(browser: Browser) -> None:
    """Every page has the policy that only what is ours may run, and no cache keeps it."""
    policies = set()
    for path in ('', '/stacks', '/runs', '/nothing', '/programs/token/new'):
        answer = browser.visit(path)
        policies.add(answer.headers['content-security-policy'])
        assert answer.headers['referrer-policy'] == 'same-origin'
        assert answer.headers['cache-control'] == 'no-store'
    [policy] = policies
    assert "script-src 'self'" in policy
    assert 'unsafe' not in policy


def test_static_files(browser: Browser) -> None:
    """Style and script are kept for ever under the name of what is in them."""
    page = browser.page()
    [style] = [each['href'] for each in page.all('link') if each['rel'] == 'stylesheet']
    [script] = [each['src'] for each in page.all('script')]
    for address in (style, script):
        answer = browser.simulate_get(address)
        assert answer.status_code == 200
        assert 'immutable' in answer.headers['cache-control']
        assert (
            'immutable'
            not in browser.simulate_get(address.partition('?')[0]).headers['cache-control']
        )
    assert browser.simulate_get('/portal/static/run.js').status_code == 404
    assert browser.simulate_post(style).status_code == 405
    assert len(rendering.STATIC._files['portal.css'][1].splitlines()) <= 500


@pytest.mark.parametrize(
    ('body', 'status'),
    [('name=%ff', 400), ('&'.join(f'a{n}=' for n in range(2000)), 400), ('x=' + 'y' * 70_000, 413)],
)
def test_forms_that_cannot_be_read(browser: Browser, body: str, status: int) -> None:
    """A form that is no text, has too many fields or is too long, is refused in words."""
    headers = {'Content-Type': 'application/x-www-form-urlencoded', 'Sec-Fetch-Site': 'same-origin'}
    answer = browser.simulate_post('/portal/programs/token/new', body=body, headers=headers)
    assert answer.status_code == status
    assert answer.headers['content-type'].startswith('text/html')


def test_platform_is_down(browser: Browser) -> None:
    """As long as the platform cannot answer, a page says when to try again."""
    browser.platform.is_down = True
    answer = browser.visit('/stacks')
    assert (answer.status_code, answer.headers['retry-after']) == (503, '7')
    assert 'Try again in 7 s' in Page(answer.text).text


@pytest.mark.parametrize('slashes', ['//', '///'])
def test_further_slashes(tmp_path: Path, slashes: str) -> None:
    """A page is one however many slashes lead to it: signed in to, and with its own policy."""
    browser = Browser(make_platform(tmp_path), api_token=TOKEN)
    answer = browser.simulate_get(f'{slashes}portal/stacks')
    assert (answer.status_code, '/portal/login' in answer.headers['location']) == (303, True)
    open_to_all = Browser(make_platform(tmp_path / 'other'))
    headers = {'Sec-Fetch-Site': 'cross-site'}
    assert open_to_all.simulate_post(f'{slashes}portal/logout', headers=headers).status_code == 403


def test_triggers(browser: Browser) -> None:
    """What calls told and what came of it is listed, filtered, and leads to stacks and runs."""
    add_some(browser.triggers, range(4))
    page = browser.page('/triggers')
    links = [each['href'] for each in page.all('a')]
    assert {'/portal/runs/run_0002', '/portal/stacks/web'} <= set(links)
    assert 'https://prometheus.example/graph' in links
    assert 'size 1 → 2' in page.text
    assert len(browser.page('/triggers?outcome=started').all('tr')) == 3
    assert 'No event matches' in browser.page('/triggers?rule=none&outcome=nonsense').text


def test_triggers_in_parts(browser: Browser) -> None:
    """A long list of events comes in parts, which keep its filter."""
    add_some(browser.triggers, range(0, 240, 2))
    page = browser.page('/triggers?source=am')
    [more] = [each['href'] for each in page.all('a') if each.get('rel') == 'next']
    assert 'source=am' in more
    assert 'First part' in browser.page(f'/triggers{more}').text
