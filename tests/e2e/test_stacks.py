"""Stacks that last, from the first request to the last, on the real engine."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from stacks.store.database import FILE
from tests.faults.held import await_that
from tests.paths import ROOT
from tests.platform import HEARD, TOKEN, Client, Site, inputs, platform
from tests.service import serving

# How a program may end before its time, and what is told of it.
ENDS = {
    'exit': 'The program ended before its time, with the exit code 3.',
    'killed': 'The program was killed before its end',
}
BLOCKS = re.compile(r'^```bash\n(.*?)^```$', re.MULTILINE | re.DOTALL)


@pytest.fixture(scope='module')
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A service that all tests here share, each with stacks of its own."""
    with platform(tmp_path_factory.mktemp('site')) as site:
        yield site


def test_documented_lines(site: Site) -> None:
    """The lines of docs/rest.md run as they stand, one after the other."""
    blocks = BLOCKS.findall((ROOT / 'docs' / 'rest.md').read_text())
    script = '\n'.join(blocks).replace('localhost:8000', site.service.url)
    done = subprocess.run(
        ['bash', '-euo', 'pipefail', '-c', script],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"title": "Not Found"' in done.stdout  # of the stack that was destroyed


def test_life(site: Site) -> None:
    """A stack is made, previewed, updated, found changed outside, brought back, and destroyed."""
    client = site.client
    made = client.done(client.create('life', inputs('a', 'b')))
    assert made['changes'] == {'create': 2}
    assert site.existing('life') == {'a', 'b'}
    preview = client.done(client.start('life', 'preview', inputs={'names': ['a', 'c']}))
    assert preview['changes'] == {'same': 1, 'create': 1, 'delete': 1}
    assert site.existing('life') == {'a', 'b'}
    client.done(client.start('life', 'update', preview=preview['id']))
    assert site.existing('life') == {'a', 'c'}
    early = client.done(client.start('life', 'preview'))
    (site.files / 'stack.life-a').write_text('changed')
    (site.files / 'stack.life-c').unlink()
    client.done(client.start('life', 'refresh'))
    assert client.get('/stacks/life')['drift']['changes'] == {'update': 1, 'delete': 1}
    by_early = {'operation': 'update', 'preview': early['id']}
    assert client.call('POST', '/stacks/life/runs', json=by_early).status_code == 409
    preview = client.done(client.start('life', 'preview'))
    assert preview['changes'] == {'update': 1, 'create': 1}
    client.done(client.start('life', 'update', preview=preview['id']))
    assert site.existing('life') == {'a', 'c'}
    assert (site.files / 'stack.life-a').read_text() != 'changed'
    assert client.get('/stacks/life')['drift'] is None
    client.done(client.destroy('life'))
    assert site.existing('life') == set()
    assert client.call('GET', '/stacks/life').status_code == 404
    assert client.get('/runs?stack=life')['items'][0]['operation'] == 'destroy'


def test_failure_in_words(site: Site) -> None:
    """A run that fails names the resource and the reason, and the next update completes it."""
    (site.files / 'fail-create').touch()
    run = site.client.ended(site.client.create('failing', inputs('x')))
    assert run['state'] == 'failed'
    assert run['error']['resource'] == 'x'
    assert 'the file cannot be created, says the test' in run['error']['message']
    assert site.client.get('/stacks/failing')['state'] == 'failed'
    (site.files / 'fail-create').unlink()
    site.client.done(site.client.start('failing', 'update'))
    assert site.existing('failing') == {'x'}
    site.client.done(site.client.destroy('failing'))


@pytest.mark.parametrize('mark', ENDS)
def test_end_without_a_word(site: Site, mark: str) -> None:
    """A program that ends before its time, and says nothing, is told in words."""
    (site.files / mark).touch()
    run = site.client.ended(site.client.create(mark, inputs('x')))
    (site.files / mark).unlink()
    assert run['state'] == 'failed'
    assert run['error']['message'].startswith(ENDS[mark])
    site.client.done(site.client.destroy(mark))


def test_marked_outputs(site: Site) -> None:
    """Outputs that JSON has no value for are in words, without Pulumi's own marks."""
    (site.files / 'marked').touch()
    site.client.done(site.client.create('marked', inputs('x')))
    (site.files / 'marked').unlink()
    outputs = site.client.get('/stacks/marked/outputs')
    assert outputs['limits'] == ['[not a number]', '[infinity]']
    assert outputs['page'] == '[file 2cf24dba]'
    site.client.done(site.client.destroy('marked'))


def test_protected_resource(site: Site) -> None:
    """A destroy that meets a protected resource destroys nothing, and names it."""
    site.client.done(site.client.create('guarded', inputs('p', 'q', protect=True)))
    run = site.client.ended(site.client.destroy('guarded'))
    assert run['state'] == 'failed'
    assert 'p, q cannot be destroyed' in run['error']['message']
    assert site.existing('guarded') == {'p', 'q'}
    run = site.client.ended(site.client.start('guarded', 'update', inputs={'names': ['p']}))
    assert run['error']['message'].startswith('q cannot be removed, as the program protected it.')
    assert site.existing('guarded') == {'p', 'q'}
    given = {'names': ['p', 'q'], 'protect': False}
    site.client.done(site.client.start('guarded', 'update', inputs=given))
    site.client.done(site.client.destroy('guarded'))


def test_cancelled_in_mid_update(site: Site) -> None:
    """A cancel lets the step under way end, keeps what was made, and the log says so."""
    slow = site.files / 'slow'
    slow.touch()
    run = site.client.create('slowly', inputs('one', 'two'))
    await_file(site.files / 'waiting-create')
    site.client.order('POST', f'/runs/{run["id"]}/cancel')
    await_that(lambda: HEARD in site.client.log(run))
    slow.unlink()
    assert site.client.ended(run)['state'] == 'cancelled'
    assert 'Stopped; what was made so far is kept in the state.' in site.client.log(run)
    assert site.client.get('/stacks/slowly')['state'] == 'incomplete'
    site.client.done(site.client.start('slowly', 'update'))
    assert site.existing('slowly') == {'one', 'two'}
    site.client.done(site.client.destroy('slowly'))


def test_secrets_nowhere(site: Site) -> None:
    """A secret input is in the files made of it, and in nothing that the service keeps."""
    run = site.client.done(site.client.create('secretly', inputs('s')))
    assert TOKEN in (site.files / 'stack.secretly-s').read_text()
    answers = [
        site.client.call('GET', path).text
        for path in ('/stacks/secretly', '/runs', f'/runs/{run["id"]}', f'/runs/{run["id"]}/log')
    ]
    assert 'the token is [secret]' in site.client.log(run)
    assert not [answer for answer in answers if TOKEN in answer]
    kept = [path for path in site.service.state.rglob('*') if path.is_file()]
    assert not [path for path in kept if TOKEN.encode() in path.read_bytes()]
    assert TOKEN not in site.service.log()
    site.client.done(site.client.destroy('secretly'))


def test_former_secrets_nowhere(site: Site) -> None:
    """Where a program tells a secret, neither its value nor the one before it shows."""
    careless = site.files / 'careless'
    careless.touch()
    site.client.done(site.client.create('careless', inputs('s', token='planted-former-2203')))
    changed = site.client.done(site.client.start('careless', 'update', inputs={'token': TOKEN}))
    removed = site.client.done(site.client.destroy('careless'))
    careless.unlink()
    assert 'careless: "[secret]" => "[secret]"' in site.client.log(changed)
    paths = [f'/runs/{run["id"]}{part}' for run in (changed, removed) for part in ('', '/log')]
    told = [site.client.call('GET', path).text for path in paths] + [site.service.log()]
    for value in ('planted-former-2203', TOKEN):
        assert not [text for text in told if value in text]


def test_quoted_secret(site: Site) -> None:
    """A secret that a program prints in other forms shows in none of them."""
    (site.files / 'quoting').touch()
    run = site.client.done(site.client.create('quoting', inputs('s', token=' it\'s "planted"/\\ ')))
    (site.files / 'quoting').unlink()
    log = site.client.log(run)
    assert '[secret]; [secret]; [secret]' in re.sub('[\'"]', '', log)
    assert 'planted' not in log
    site.client.done(site.client.destroy('quoting'))


def test_cannot_come_up(tmp_path: Path) -> None:
    """A platform that cannot come up says why; the three routes serve beside it."""
    state = tmp_path / 'state'
    state.mkdir(mode=0o700)
    (state / FILE).write_bytes(b'no database ' * 1000)
    with serving(tmp_path, STATE_DIR=str(state)) as service:
        client = Client(service.url)
        await_that(lambda: 'cannot come up' in client.call('GET', '/stacks').text)
        assert 'its file is damaged' in client.call('GET', '/stacks').json()['detail']
        assert service.get('/uuid').status_code == 200
        not_ready = service.get('/readyz')
        assert (not_ready.status_code, service.get('/healthz').status_code) == (503, 200)
        assert 'its file is damaged' in not_ready.json()['detail']
        (state / FILE).unlink()
        client.wait_until_up()
        assert service.get('/readyz').status_code == 200


@pytest.mark.slow
def test_stock_cli(tmp_path: Path) -> None:
    """With the stock CLI a stack's program runs in its own venv, too."""
    with platform(tmp_path, ENGINE='cli') as site:
        site.client.done(site.client.create('stock', inputs('c')))
        assert site.existing('stock') == {'c'}
        (site.files / 'exit').touch()
        run = site.client.ended(site.client.start('stock', 'update'))
        (site.files / 'exit').unlink()
        assert run['error']['message'].startswith(ENDS['exit'])
        site.client.done(site.client.destroy('stock'))
        assert site.existing('stock') == set()


def await_file(file: Path) -> None:
    """Wait until a program has left a mark."""

    await_that(file.exists)
    file.unlink()
