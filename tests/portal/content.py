"""What fills the portal's pages: long names, much of everything, and HTML in every text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import requests

from tests.doers import await_that
from tests.platform import Site, inputs
from tests.portal.serving import HOSTILE
from tests.triggers import TOKEN, alert

# As long as a name may be.
LONG = 'a-name-that-is-as-long-as-names-of-stacks-may-be-in-all-x60x'
DESCRIPTION = f'{HOSTILE} ' + 'Words about what this is for, and whom to ask. ' * 25
LINES = 5000
STACKS = (LONG, 'broken', 'planned', 'guarded', 'busy')


@contextmanager
def fill(site: Site) -> Iterator[None]:
    """Have awkward stacks: large, failed, planned, protected and drifted, and one in mid-run."""
    client = site.client
    more = {'description': DESCRIPTION[:1000], 'ttl': '8h'}
    client.done(client.create(LONG, {'text': HOSTILE, 'lines': LINES}, 'awkward', **more))
    client.ended(client.create('broken', {'text': HOSTILE, 'fails': True}, 'awkward'))
    client.done(client.start(LONG, 'preview', inputs={'text': f'other {HOSTILE}', 'parts': 250}))
    client.done(client.create('planned', inputs('a', 'b'), preview=True))
    client.done(client.create('guarded', inputs('a')))
    (site.files / 'stack.guarded-a').write_text('changed outside')
    client.done(client.start('guarded', 'refresh'))
    client.call('PATCH', '/stacks/guarded', json={'protected': True}).raise_for_status()
    call(site)
    slow = site.files / 'slow'
    slow.touch()
    try:
        run = client.create('busy', inputs('a'))
        await_that((site.files / 'waiting-create').exists)
        yield
    finally:
        slow.unlink()
        client.done(run)


def call(site: Site) -> None:
    """Have calls from elsewhere be there, one of which a rule is for."""
    for name in ('Tried', f'{HOSTILE} {"of many words " * 20}'):
        answer = requests.post(
            f'{site.service.url}/v1/hooks/alerts',
            json=alert(alertname=name),
            headers={'Authorization': f'Bearer {TOKEN}'},
            timeout=60,
        )
        answer.raise_for_status()
    await_that(lambda: not site.client.get('/triggers/events?outcome=received')['items'])


def pages(site: Site) -> dict[str, str]:
    """Return where each page is, by what it shows."""
    runs = {name: site.client.get(f'/stacks/{name}')['last_run'] for name in STACKS}
    [update] = site.client.get(f'/runs?stack={LONG}&operation=update')['items']
    below = {
        'catalogue': '',
        'catalogue-empty': '?q=nothing-is-called-so',
        'form': '/programs/awkward/new',
        'form-of-site': '/programs/static-site/new',
        'stacks': '/stacks',
        'stacks-empty': '/stacks?q=nothing-is-called-so',
        'stack': f'/stacks/{LONG}',
        'stack-broken': '/stacks/broken',
        'stack-planned': '/stacks/planned',
        'stack-guarded': '/stacks/guarded',
        'stack-busy': '/stacks/busy',
        'edit': f'/stacks/{LONG}/edit',
        'destroy': f'/stacks/{LONG}/destroy',
        'resources': f'/stacks/{LONG}/resources',
        'history': f'/stacks/{LONG}/history',
        'runs': '/runs',
        'run': f'/runs/{update["id"]}',
        'run-broken': f'/runs/{runs["broken"]}',
        'run-busy': f'/runs/{runs["busy"]}',
        'preview': f'/runs/{runs[LONG]}',
        'triggers': '/triggers',
        'triggers-empty': '/triggers?rule=there-is-none',
        'not-found': '/stacks/there-is-none',
    }
    return {name: f'/portal{path}' for name, path in below.items()}
