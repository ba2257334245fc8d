"""`python -m tests.portal.pictures [FOLDER]`: pictures of the portal's pages.

Without a folder, those that the documents show, into docs/portal/; else all, as they look in light
and dark, on a screen and on a phone.
"""

from __future__ import annotations

import signal
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Literal, NamedTuple

from PIL import Image
from playwright.sync_api import Browser, Page

from tests import processes
from tests.browser import Person, chromium, person
from tests.doers import await_that
from tests.hosts import send
from tests.moving import Moving, many
from tests.paths import ROOT
from tests.platform import Client, Site, inputs
from tests.portal.serving import portal_with_tokens, sources


class Look(NamedTuple):
    """How somebody looks at pages; tallest: what is below is cut off."""

    width: int
    tallest: int
    scheme: Literal['light', 'dark']


LOOKS = {
    'light': Look(1000, 1600, 'light'),
    'dark': Look(1000, 1600, 'dark'),
    'phone': Look(390, 1600, 'light'),
    'narrow-dark': Look(320, 1600, 'dark'),
}
COLOURS = 128
# What the documents show, each so far down.
SHOWN = {
    **{'catalogue-light': 700, 'form-light': 1200, 'preview-light': 1200, 'run-busy-light': 900},
    **{'run-failed-light': 900, 'stack-light': 900, 'stack-dark': 900, 'stacks-light': 600},
    **{'stacks-phone': 844, 'destroy-light': 800, 'migration-plan-light': 1250},
    **{'migration-busy-light': 700, 'migration-done-light': 900},
}
# Where files are is another folder each time that pictures are made.
FOLDER_AS_ELSEWHERE = """() => {
    for (const each of document.querySelectorAll('dd')) {
        if (!each.children.length) {
            each.textContent = each.textContent.replace(/sqlite:.*\\/sources/, 'sqlite:/srv/files')
        }
    }
}"""
# What tables come from: one with things that become others, one with many rows, one that is odd.
FILES = {
    'shop.db': """
        CREATE TABLE customers (
            id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL, since DATE, rebate NUMERIC(4,2)
        );
        CREATE TABLE orders (
            id INTEGER PRIMARY KEY, customer INTEGER NOT NULL REFERENCES customers (id),
            placed DATETIME, paid BOOLEAN
        );
        CREATE VIEW unpaid AS SELECT * FROM orders WHERE NOT paid;
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
        INSERT INTO customers SELECT i, 'Customer ' || i, '2024-01-02', 1.555 FROM n;
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)
        INSERT INTO orders SELECT i, 1 + i % 2000, '2024-05-06 07:08:09', i % 2 FROM n;
        UPDATE orders SET placed = 'last week' WHERE id = 7;
    """,
    'visits.db': many(),
    'staff.db': """
        CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
        CREATE TABLE holidays (person INTEGER REFERENCES people (id), first DATE, last DATE);
        INSERT INTO people VALUES (1, 'Ann'), (2, 'Ben'), (3, 'Cleo' || char(0));
        INSERT INTO holidays VALUES (1, '2024-07-01', '2024-07-20'), (2, '2024-08-01', NULL);
    """,
}
PAGE = '<!doctype html>\n<title>Autumn sale</title>\n<h1>Autumn sale</h1>\n<p>From Monday.</p>\n'


def take(folder: Path, wanted: Mapping[str, int] | None = None) -> None:
    """Write pictures into a folder.

    wanted: which ones, each with how far down it goes; all when None.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as temporary,
        portal_with_tokens(Path(temporary)) as (site, tokens),
        _filled(site, Client(site.service.url, tokens['ulla'])) as stacks,
        _moved(site, Client(site.service.url, tokens['ulla']), Path(temporary)) as migrations,
        chromium() as browser,
    ):
        paths = {**stacks, **migrations}
        catalogue = Path(temporary) / 'programs'
        for name, look in LOOKS.items():
            with _signed_in(browser, site.service.url, look, tokens['ulla']) as ulla:
                for page, path in paths.items():
                    full = f'{page}-{name}'
                    if wanted is None or full in wanted:
                        tallest = wanted[full] if wanted else look.tallest
                        with _without_tests(catalogue) if page == 'catalogue' else nullcontext():
                            _take(ulla.page, path, look.width, tallest, folder / f'{full}.png')


@contextmanager
def _signed_in(browser: Browser, url: str, look: Look, token: str) -> Iterator[Person]:
    options = {'color_scheme': look.scheme, 'reduced_motion': 'reduce'}
    with person(browser, url, (look.width, 700), **options) as found:
        found.go('/portal')
        found.page.get_by_label('Access token').fill(token)
        found.page.get_by_role('button', name='Sign in').click()
        yield found


@contextmanager
def _without_tests(programs: Path) -> Iterator[None]:
    """Have the catalogue only offer what it does where there are no tests."""
    links = {
        each: each.readlink() for each in programs.iterdir() if 'tests' in str(each.readlink())
    }
    for each in links:
        each.unlink()
    try:
        yield
    finally:
        for each, target in links.items():
            each.symlink_to(target)


def _take(page: Page, path: str, width: int, tallest: int, file: Path) -> None:
    page.goto(path)
    page.evaluate(FOLDER_AS_ELSEWHERE)
    height = int(page.evaluate('document.documentElement.scrollHeight'))
    clip = {'x': 0, 'y': 0, 'width': width, 'height': min(height, tallest)}
    page.screenshot(path=file, full_page=True, clip=clip)  # type: ignore[arg-type]
    # A page has few colours: as many bytes as it needs for these are a third.
    with Image.open(file) as image:
        small = image.convert('RGB').quantize(COLOURS, dither=Image.Dither.NONE)
    small.save(file, optimize=True)


@contextmanager
def _filled(site: Site, ulla: Client) -> Iterator[dict[str, str]]:
    """Yield where each page is, of a portal that is in use."""
    described = {'description': 'The page of the autumn sale', 'ttl': '3d'}
    ulla.done(ulla.create('autumn-sale', {'content': PAGE}, 'static-site', **described))
    ulla.done(
        ulla.start(
            'autumn-sale',
            'update',
            inputs={'content': PAGE, 'files': {'style.css': 'h1 { color: teal }'}},
        )
    )
    given = {'accounts': ['backup', 'grafana', 'reports']}
    ulla.done(ulla.create('team-accounts', given, 'passwords', description='Accounts of the team'))
    ulla.done(ulla.create('handouts', inputs('a', 'b', 'c'), ttl='8h'))
    (site.files / 'stack.handouts-a').write_text('changed')
    ulla.done(ulla.start('handouts', 'refresh'))
    (site.files / 'fail-create').touch()
    failed = ulla.ended(ulla.create('reports', inputs('weekly', 'monthly')))
    (site.files / 'fail-create').unlink()
    changes = {'content': PAGE.replace('Monday', 'Tuesday'), 'files': {'new.txt': 'new'}}
    preview = ulla.done(ulla.start('autumn-sale', 'preview', inputs=changes))
    planned = ulla.done(ulla.create('planned', {'accounts': ['ann']}, 'passwords', preview=True))
    slow = site.files / 'slow'
    slow.touch()
    busy = ulla.create('archive', inputs('first', 'second', 'third'))
    await_that((site.files / 'waiting-create').exists)
    try:
        yield _pages(failed=failed, preview=preview, planned=planned, busy=busy)
    finally:
        slow.unlink()
        ulla.done(busy)


@contextmanager
def _moved(site: Site, ulla: Client, folder: Path) -> Iterator[dict[str, str]]:
    """Yield where the pages of migrations are: planned, in mid-copy and done."""
    given = {'name': 'shop', 'delete_protection': False}
    ulla.done(ulla.create('shop-database', given, 'database', description='What the shop sells'))
    moving = Moving(lambda: ulla)
    files = {name: _file(folder, name, text) for name, text in FILES.items()}
    done = moving.begin(files['staff.db'], 'stack shop-database', allow_rejects=5)
    planned = moving.begin(files['shop.db'], 'stack shop-database', plan=True)
    for path in (done, planned):
        moving.done(path)
    busy = moving.begin(files['visits.db'], 'stack shop-database')
    moving.copying(busy)
    workers = [
        pid
        for pid in processes.descendants(site.service.process.pid)
        if 'migrations.worker' in processes.command_line(pid)
    ]
    send(workers, signal.SIGSTOP)
    below = {'migrations': '/migrations', 'migration-form': '/migrations/new?to=shop-database'}
    below |= {'migration-plan': planned, 'migration-busy': busy, 'migration-done': done}
    try:
        yield {name: f'/portal{path}' for name, path in below.items()}
    finally:
        send(workers, signal.SIGCONT)
        moving.done(busy)


def _file(folder: Path, name: str, text: str) -> str:
    file = sources(folder) / name
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(text)
    return f'sqlite://{file}'


def _pages(**runs: Mapping[str, Any]) -> dict[str, str]:
    found = {
        'catalogue': '',
        'form': '/programs/static-site/new',
        'stacks': '/stacks',
        'stacks-none': '/stacks?q=nothing',
        'stack': '/stacks/autumn-sale',
        'stack-drifted': '/stacks/handouts',
        'stack-planned': '/stacks/planned',
        'stack-failed': '/stacks/reports',
        'edit': '/stacks/team-accounts/edit',
        'destroy': '/stacks/autumn-sale/destroy',
        'runs': '/runs',
        'not-found': '/stacks/none',
        **{f'run-{name}': f'/runs/{run["id"]}' for name, run in runs.items()},
    }
    found['preview'] = found.pop('run-preview')
    return {name: f'/portal{path}' for name, path in found.items()}


if __name__ == '__main__':
    given = sys.argv[1:]
    take(Path(given[0]) if given else ROOT / 'docs' / 'portal', None if given else SHOWN)
