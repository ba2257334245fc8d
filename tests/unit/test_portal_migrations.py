"""The pages of migrations over a platform in memory: what they show, and what their forms do."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from falcon import testing

from portal import ends, migration_words
from stacks.migrating.migrations import Reachable
from stacks.requests import End, NewMigration
from tests import fake_migrations
from tests.portal.markup import flaws
from tests.portal_client import Browser, Page, run_of
from tests.rest_client import make_platform
from web.tokens import LOCAL, digest

FORM: dict[str, str | list[str]] = {
    'source-url': 'sqlite:///data/a.db',
    'target-stack': 'goods',
    'replace': 'off',
    'allow_rejects': '0',
}
SECRET = 'planted-7319'


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    return Browser(make_platform(tmp_path))


def id_of(answer: testing.Result) -> str:
    """Return the id of the migration that a redirect leads to."""
    match = re.fullmatch('/portal/migrations/(mig_[0-9a-f]+)', answer.headers['location'])
    assert answer.status_code == 303
    assert match
    return match[1]


def begin(browser: Browser, **fields: str) -> str:
    """Have a migration planned by its form, and return its id."""
    return id_of(browser.send('/migrations/new', {**FORM, **fields}))


def test_plan_to_rows(browser: Browser) -> None:
    """A migration is planned by its form, decided on its page, and tells the rows of each table."""
    assert 'No migrations yet' in browser.page('/migrations').text
    id = begin(browser, allow_rejects='5')
    page = browser.page(f'/migrations/{id}')
    for said in ('Waits for you', 'hello', 'bigint', 'CREATE TABLE "hello"', '4 MB', 'wider'):
        assert said in page.text
    assert 'Move 1 table into goods' in page.text
    assert id_of(browser.send(f'/migrations/{id}/run', {})) == id
    done = browser.page(f'/migrations/{id}')
    assert 'Moved' in done.text
    assert '2 rows in 1 table moved' in done.text
    assert '1 row left out' in done.text
    rejects = browser.visit(f'/migrations/{id}/rejects')
    assert rejects.json == fake_migrations.REJECT
    assert 'rejects.jsonl' in rejects.headers['content-disposition']
    assert '→' in browser.page('/migrations').text


def test_wishes(browser: Browser) -> None:
    """All that a form takes arrives, and a further form like it begins with the same."""
    id = begin(
        browser,
        **{'tables': 'a\n b \n', 'replace': 'on', 'allow_rejects': '7', 'schema': 'new'},
        **{'types': 'a.b = numeric(10,2)', 'zero_dates_are_null': 'on'},
    )
    found = browser.platform.migrations.one(LOCAL, id)
    assert (found.tables, found.replace, found.allow_rejects) == (['a', 'b'], True, 7)
    assert (found.types, found.schema) == ({'a.b': 'numeric(10,2)'}, 'new')
    assert found.zero_dates_are_null
    page = browser.page(f'/migrations/new?like={id}')
    assert page.field('allow_rejects')['value'] == '7'
    assert page.field('schema')['value'] == 'new'
    assert 'checked' in page.field('zero_dates_are_null')
    assert page.field('source-url')['value'] == 'sqlite:/data/a.db'


def test_password_apart(browser: Browser) -> None:
    """A password goes into the URL, and into no page, wherever it was typed."""
    given: dict[str, str | list[str]] = {
        **FORM,
        'source-url': f'postgresql://ann:{SECRET}@db.example.com/shop',
        'target-password': f'{SECRET}@/',
        'types': 'nonsense',
    }
    answer = browser.send('/migrations/new', given)
    assert answer.status_code == 422
    assert SECRET not in answer.text
    assert Page(answer.text).field('source-url')['value'] == 'postgresql://ann@db.example.com/shop'
    assert flaws(answer.text) == []


@pytest.mark.parametrize(
    ('url', 'password', 'whole'),
    [
        ('postgresql://ann@db/x', 'a@/', 'postgresql://ann:a%40%2F@db/x'),
        ('postgresql://ann:old@db:5/x', 'new', 'postgresql://ann:new@db:5/x'),
        ('mysql://db/x', 'p', 'mysql://:p@db/x'),
        ('sqlite:///data/a.db', 'p', 'sqlite:///data/a.db'),
        ('postgresql://[x', 'p', 'postgresql://[x'),
    ],
)
def test_whole_urls(url: str, password: str, whole: str) -> None:
    """A password is encoded where it belongs; what has no place for one stays as it is."""
    assert ends.whole(url, password) == whole


@pytest.mark.parametrize(
    'url',
    [
        f'postgresql://ann:{SECRET}@db/x',
        f'postgresql://ann:a/{SECRET}@db/x',
        f'postgresql://ann:a@b:{SECRET}@db/x',
        f'postgresql://ann:?{SECRET}@db/x',
        f'postgresql://ann:#{SECRET}@db/x',
        f'postgresql://[{SECRET}@db/x',
        f'postgresql://db/x?password={SECRET}',
        f'postgresql://db/x?pass%77ord={SECRET}',
        f'mysql://db/x?passwd={SECRET}',
        f'postgresql://ann:12/x?{SECRET}',
        f'ann:{SECRET}@db',
    ],
)
def test_passwords_are_not_shown_again(url: str) -> None:
    """Of a URL with a password nothing is shown again that may be of it."""
    assert SECRET not in ends.without_password(url)


def test_flaws(browser: Browser) -> None:
    """What cannot be used is told at its field."""
    for given, field in (
        ({'source-url': ''}, 'source-url'),
        ({'source-url': 'nonsense'}, 'source-url'),
        ({'target-url': 'postgresql://db/x'}, 'target-url'),
        ({'allow_rejects': 'many'}, 'allow_rejects'),
        ({'types': 'a.b'}, 'types'),
    ):
        answer = browser.send('/migrations/new', {**FORM, **given})
        assert answer.status_code == 422, given
        assert f'#{field}' in [each['href'] for each in Page(answer.text).all('a')]
        assert Page(answer.text).text.startswith('Error: ')


@pytest.mark.parametrize(
    ('count', 'kind', 'said'),
    [
        (0, '', 'Of a PostgreSQL.'),
        (30, 'select', 'Choose a stack, or give a URL'),
        (31, 'input', 'Choose a stack, or give a URL'),
    ],
)
def test_stacks(browser: Browser, count: int, kind: str, said: str) -> None:
    """Few stacks are offered; of many one types the name; where there are none, URLs are left."""
    found = Reachable(tuple(f'stack-{number}' for number in range(count)), (), ())
    browser.platform.migrations.reachable = lambda caller: found  # type: ignore[method-assign]
    answer = browser.visit('/migrations/new?to=stack-1')
    assert flaws(answer.text) == []
    page = Page(answer.text)
    assert said in page.text
    assert 'no folder is allowed yet' in page.text
    kinds = [tag for tag, each in page.elements if each.get('name') == 'target-stack']
    assert kinds == ([kind] if kind else [])


def test_going_on(browser: Browser) -> None:
    """What runs shows how far it is and can be cancelled, then resumed, then abandoned."""
    id = begin(browser)
    browser.platform.ends_in_time = False
    browser.send(f'/migrations/{id}/run', {})
    page = browser.page(f'/migrations/{id}')
    assert '1 of 2 rows, 0 rows a second' in page.text
    assert page.all('progress')[0]['value'] == '1'
    live = browser.visit(f'/migrations/{id}/live')
    assert 'data-said="1 of 2 rows' in live.text
    browser.send(f'/migrations/{id}/cancel', {})
    assert 'Cancelling' in browser.page(f'/migrations/{id}').text
    browser.platform.end(browser.platform.migrations.one(LOCAL, id).run)
    assert 'A resume goes on from there' in browser.page(f'/migrations/{id}').text
    assert browser.send(f'/migrations/{id}/resume', {'allow_rejects': 'x'}).status_code == 422
    browser.send(f'/migrations/{id}/resume', {'allow_rejects': ''})
    browser.platform.failing.add('migrate')
    browser.platform.end(browser.platform.migrations.one(LOCAL, id).run)
    assert 'It failed, says the test.' in browser.page(f'/migrations/{id}').text
    assert 'Leave the target alone' in browser.page(f'/migrations/{id}/abandon').text
    run = run_of(browser.send(f'/migrations/{id}/abandon', {}))
    # As long as it is being removed, its page leads to what outlives it.
    assert run_of(browser.visit(f'/migrations/{id}')) == run


def test_removed(browser: Browser) -> None:
    """One that has left nothing in the target goes from the list at once."""
    id = begin(browser)
    assert 'Nothing in either database changes' in browser.page(f'/migrations/{id}/abandon').text
    answer = browser.send(f'/migrations/{id}/abandon', {})
    assert answer.headers['location'] == '/portal/migrations'
    assert browser.visit(f'/migrations/{id}').status_code == 404


def test_refused_plan(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan with something in its way offers another one, and no way to run it."""
    refused = {'level': 'refused', 'text': 'no room for it'}
    monkeypatch.setitem(fake_migrations.PLAN, 'notes', [refused])
    page = browser.page(f'/migrations/{begin(browser)}')
    assert 'no room for it' in page.text
    assert 'Cannot be moved' in page.text
    assert 'Move 1 table' not in page.text
    assert 'plan again' in page.text


def test_many_tables(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan of hundreds of tables with long names comes in parts, each a page that is small."""
    [table] = fake_migrations.PLAN['tables']
    names = [f'{number:03}-{"x" * 59}' for number in range(300)]
    column = {**table['columns'][0], 'name': 'y' * 63}
    tables = [{**table, 'name': name} for name in names]
    tables[7] = {**tables[7], 'columns': [column] * 1600}
    monkeypatch.setitem(fake_migrations.PLAN, 'tables', tables)
    id = begin(browser)
    address, seen = f'/migrations/{id}', ''
    while address:
        answer = browser.visit(address)
        assert flaws(answer.text) == []
        seen += answer.text
        links = [each['href'] for each in Page(answer.text).all('a')]
        after = [each for each in links if re.search(r'\?from=[1-9]', each)]
        address = f'/migrations/{id}/plan?{after[0].partition("?")[2]}' if after else ''
    assert not [name for name in names if name not in seen]
    one = browser.visit(f'/migrations/{id}/plan/7')
    assert flaws(one.text) == []
    assert 'and 1,540 more columns' in one.text
    assert browser.visit(f'/migrations/{id}/plan/300').status_code == 404
    assert len(browser.visit(f'/migrations/{id}/plan.json').json['tables']) == 300


def test_later_part_of_a_whole_plan(browser: Browser) -> None:
    """A plan that is shown whole has no later part."""
    assert '1 to 1 of 1' in browser.page(f'/migrations/{begin(browser)}/plan?from=5').text


def test_many_moved(browser: Browser) -> None:
    """The rows of many tables come in parts."""
    id = begin(browser)
    browser.send(f'/migrations/{id}/run', {})
    real = browser.platform.migrations.one

    def many(*given: Any, **more: Any) -> Any:
        return replace(real(*given, **more), moved={f'{n}-{"x" * 60}': n for n in range(250)})

    browser.platform.migrations.one = many  # type: ignore[method-assign]
    answers = [browser.visit(f'/migrations/{id}')]
    answers += [browser.visit(f'/migrations/{id}/tables?from={n}') for n in (0, 100, 200, 300)]
    assert [flaws(each.text) for each in answers] == [[]] * 5
    assert 'All 250 tables' in answers[0].text
    assert '249-x' in answers[3].text


def test_others(tmp_path: Path) -> None:
    """Another user sees nothing of a migration, and readers are offered none."""
    tokens = {name: f'a-token-of-{name}-for-the-test' for name in ('ann', 'ben', 'rea')}
    roles = {'ann': 'user', 'ben': 'user', 'rea': 'reader'}
    file = tmp_path / 'tokens'
    file.write_text(''.join(f'{n} {roles[n]} {digest(tokens[n])}\n' for n in tokens))
    platform = make_platform(tmp_path / 'programs')
    people = {name: Browser(platform, api_tokens_file=str(file)) for name in tokens}
    for name, each in people.items():
        each.sign_in(tokens[name])
    id = begin(people['ann'])
    for path in ('', '/live', '/plan', '/plan.json', '/tables', '/rejects', '/abandon'):
        assert people['ann'].visit(f'/migrations/{id}{path}').status_code == 200, path
        assert people['ben'].visit(f'/migrations/{id}{path}').status_code == 404, path
    assert people['rea'].visit('/migrations/new').status_code == 403
    assert '/portal/migrations/new' not in people['rea'].visit('/migrations').text


def test_names() -> None:
    """An end is known by its stack, its file or its database, and sizes have a unit."""
    ends = ('stack goods', 'sqlite:/data/a.db', 'postgres://ann@db.example.com:5432/shop')
    assert [migration_words.name(each) for each in ends] == ['goods', 'a.db', 'shop']
    sizes = (0, 999, 1000, 4_500_000, 3 * 10**15)
    assert [*map(migration_words.size, sizes)] == [
        '0 bytes',
        '999 bytes',
        '1 kB',
        '4 MB',
        '3,000 TB',
    ]


def test_run_leads_back(browser: Browser) -> None:
    """The page of a run of a migration leads to it, and says nothing of resources."""
    wish = NewMigration(End(url='sqlite:///a.db'), End(stack='web'), plan=True)
    found = browser.platform.migrations.create(LOCAL, wish)
    browser.platform.end(found.run)
    page = browser.page(f'/runs/{found.run}')
    assert f'/portal/migrations/{found.id}' in [each['href'] for each in page.all('a')]
    assert 'Nothing had to change' not in page.text
