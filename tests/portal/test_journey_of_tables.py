"""Tables on their way into a database, from its order to its end, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.database_server import DatabaseServer
from tests.migrating import LEFT, sqlite_file
from tests.moving import Moving
from tests.platform import Site
from tests.portal.moving import FEW, held
from tests.portal.serving import portal, sources
from tests.portal.steps import asked_until, destroy, ended, visiting

ROWS = 20_000
TABLES = f"""
    CREATE TABLE hello_pulumi (id INTEGER PRIMARY KEY, color TEXT NOT NULL);
    INSERT INTO hello_pulumi VALUES (1, 'Purple'), (2, 'Violet'), (3, 'Plum');
    CREATE TABLE many (id INTEGER PRIMARY KEY, text TEXT);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
    INSERT INTO many SELECT i, 'text ' || i FROM n;
    INSERT INTO many VALUES (0, 'unfit' || char(0));
"""


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp('portal')


@pytest.fixture(scope='module')
def site(folder: Path) -> Iterator[Site]:
    """A portal with a folder from which tables may be moved, and its own PostgreSQL."""
    with portal(folder) as site:
        yield site


@pytest.mark.parametrize('has_scripts', [True, False])
def test_whole_way(browser: Browser, site: Site, folder: Path, has_scripts: bool) -> None:
    """A database is ordered; a plan, a run, its rejects and a resume lead to its tables' counts."""
    name = f'goods-{"fast" if has_scripts else "slow"}'
    source = sqlite_file(sources(folder), TABLES)
    with visiting(browser, site, has_scripts) as ann:
        page = ann.page
        page.get_by_role('link', name='Database').click()
        page.get_by_label('Name of the stack').fill(name)
        page.get_by_label('Name', exact=True).fill(name.replace('-', '_'))
        page.get_by_text('Optional inputs').click()
        page.get_by_label('Delete protection').uncheck()
        page.get_by_role('button', name='Create without preview').click()
        ended(ann, 'Update', name)
        page.get_by_role('link', name=f'Go to {name}').click()
        page.get_by_role('link', name='Move tables into it').click()
        expect(page.get_by_label('Target stack')).to_have_value(name)
        # What is not allowed is told at its field, and what was chosen stays.
        page.get_by_label('Source URL').fill('sqlite:///etc/passwd')
        page.get_by_role('button', name='Make the plan').click()
        expect(page.get_by_role('alert')).to_contain_text('is not in a folder that may be used')
        expect(page.get_by_label('Target stack')).to_have_value(name)
        page.get_by_label('Source URL').fill(source)
        page.get_by_role('button', name='Make the plan').click()
        asked_until(ann, lambda: page.get_by_text('Waits for you').count() > 0, page)
        main = page.get_by_role('main')
        expect(main).to_contain_text('Waits for you')
        expect(page.get_by_role('row', name='color')).to_contain_text('text not null')
        page.get_by_role('button', name=f'Move 2 tables into {name}').click()
        # A row that does not fit ends it, as none was allowed for; with one, it goes on.
        asked_until(ann, lambda: page.get_by_role('button', name='Resume').count() > 0, page)
        expect(main).to_contain_text('no text with a NUL')
        page.get_by_label('Rows that may be left out').fill('1')
        page.get_by_role('button', name='Resume').click()
        asked_until(ann, lambda: page.locator('#moved').count() > 0, page)
        expect(main).to_contain_text(f'{ROWS + 3:,} rows in 2 tables moved')
        expect(page.get_by_role('row', name='hello_pulumi')).to_contain_text('3')
        expect(page.get_by_role('row', name='many').first).to_contain_text(f'{ROWS:,}')
        with page.expect_download() as waiting:
            page.get_by_role('link', name='Download all').click()
        assert 'id=0' in Path(waiting.value.path()).read_text()
        page.get_by_role('link', name='Migrations').first.click()
        expect(page.get_by_role('row', name=name)).to_contain_text('Moved')
        ann.go(f'/portal/stacks/{name}')
        destroy(ann, name)
        assert ann.go(f'/portal/stacks/{name}') == 404


@pytest.mark.parametrize('has_scripts', [True, False])
def test_cut_short(browser: Browser, site: Site, folder: Path, has_scripts: bool) -> None:
    """A migration is cancelled in its midst, resumed, cancelled once more, and abandoned."""
    name = f'cut-{"fast" if has_scripts else "slow"}'
    database = name.replace('-', '_')
    given = {'name': database, 'delete_protection': False}
    site.client.done(site.client.create(name, given, 'database'))
    moving = Moving(lambda: site.client)
    path = moving.begin(sqlite_file(sources(folder), FEW), f'stack {name}', plan=True)
    moving.done(path)
    server = DatabaseServer(site.service.state)
    with visiting(browser, site, has_scripts) as ann:
        page = ann.page
        main = page.get_by_role('main')
        with held(server.url_of(database)):
            ann.go(f'/portal{path}')
            page.get_by_role('button', name='Move 1 table').click()
            steps = page.locator('[aria-current=step]', has_text='Keys and indexes')
            for again in (True, False):
                asked_until(ann, lambda: steps.count() > 0, page)
                expect(steps).to_be_visible()
                page.get_by_role('button', name='Cancel').click()
                asked_until(ann, lambda: page.locator('#decision').count() > 0, page)
                expect(main).to_contain_text('A resume goes on from there')
                if again:
                    page.get_by_role('button', name='Resume').click()
        page.get_by_role('link', name='Abandon').click()
        expect(main).to_contain_text('What it has copied so far is removed')
        page.get_by_role('button', name='Abandon').click()
        ended(ann, 'Abandon', path.rpartition('/')[2])
        expect(main).to_contain_text('Nothing is left of it in the target.')
        page.get_by_role('link', name='All migrations').click()
        expect(page.get_by_role('row', name=name)).to_have_count(0)
        assert ann.go(f'/portal{path}') == 404
    assert server.ask(LEFT.replace('%%', '%'), database) == []
    site.client.done(site.client.destroy(name))
