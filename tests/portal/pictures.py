"""`python -m tests.portal.pictures [FOLDER]`: pictures of the portal's pages.

Without a folder, those that the documents show, into docs/portal/; else all, as they look in light
and dark, on a screen and on a phone.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Literal, NamedTuple

from PIL import Image
from playwright.sync_api import Browser, Page

from tests.browser import Person, chromium, person
from tests.doers import await_that
from tests.paths import ROOT
from tests.platform import Client, Site, inputs
from tests.portal.serving import portal_with_tokens


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
    **{'stacks-phone': 844, 'destroy-light': 800},
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
        _filled(site, Client(site.service.url, tokens['ulla'])) as paths,
        chromium() as browser,
    ):
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
