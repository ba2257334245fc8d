"""`python -m tests.portal.pictures [FOLDER]`: pictures of the portal's pages.

Without a folder, those that the documents show, into docs/portal/; else all, as they look in light
and dark, on a screen and on a phone.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from tests.browser import NARROW, WIDE, chromium, person
from tests.doers import await_that
from tests.paths import ROOT
from tests.platform import Client, Site, inputs
from tests.portal.serving import portal_with_tokens

Looks = Mapping[str, tuple[tuple[int, int], str]]

PHONE = (390, 844)
LOOKS: Looks = {
    'light': (WIDE, 'light'),
    'dark': (WIDE, 'dark'),
    'phone': (PHONE, 'light'),
    'narrow-dark': (NARROW, 'dark'),
}
# What the documents show.
SHOWN = {
    *('catalogue-light', 'form-light', 'preview-light', 'run-busy-light', 'run-failed-light'),
    *('stack-light', 'stack-dark', 'stacks-light', 'stacks-phone', 'destroy-light'),
}
# The longest picture; what is below is cut off.
TALLEST = 1600
PAGE = '<!doctype html>\n<title>Autumn sale</title>\n<h1>Autumn sale</h1>\n<p>From Monday.</p>\n'


def take(folder: Path, wanted: set[str] | None = None) -> None:
    """Write pictures into a folder.

    wanted: which ones; all when None.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as temporary,
        portal_with_tokens(Path(temporary)) as (site, tokens),
        chromium() as browser,
        _filled(site, Client(site.service.url, tokens['ulla'])) as paths,
    ):
        for look, (size, scheme) in LOOKS.items():
            names = {name: f'{name}-{look}' for name in paths}
            if wanted is None or wanted & set(names.values()):
                chosen = {
                    paths[name]: folder / f'{full}.png'
                    for name, full in names.items()
                    if wanted is None or full in wanted
                }
                _take(browser, site.service.url, tokens['ulla'], chosen, size, scheme)


def _take(
    browser: Browser,
    url: str,
    token: str,
    chosen: Mapping[str, Path],
    size: tuple[int, int],
    scheme: Any,
) -> None:
    with person(browser, url, size, color_scheme=scheme, reduced_motion='reduce') as ulla:
        for path, file in chosen.items():
            ulla.go(path)
            if path == '/portal/login':
                ulla.page.screenshot(path=file)
                ulla.page.get_by_label('Access token').fill(token)
                ulla.page.get_by_role('button', name='Sign in').click()
                continue
            height = int(ulla.page.evaluate('document.documentElement.scrollHeight'))
            clip = {'x': 0, 'y': 0, 'width': size[0], 'height': min(height, TALLEST)}
            ulla.page.screenshot(path=file, full_page=True, clip=clip)  # type: ignore[arg-type]


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
        'login': '/login',
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
