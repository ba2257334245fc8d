"""Static sites on a real object store, by the requests that clients of the model send."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from servers import ports
from servers.kept import Kept
from servers.object_store import Gateway
from tests import processes
from tests.doers import await_that
from tests.object_store import Store, page
from tests.paths import ROOT
from tests.platform import Client
from tests.service import Service, serving
from tests.venvs import copy_venvs_in

# As its README has them (github.com/pulumi/automation-api-examples), but for the port.
CURLS = r"""
curl --header "Content-Type: application/json"   --request POST   --data '{"id":"hello","content":"hello world\n"}'   http://localhost:1337/sites
curl --header "Content-Type: application/json"   --request PUT   --data '{"id":"hello","content":"hello updated world!\n"}'   http://localhost:1337/sites/hello
curl --header "Content-Type: application/json"   --request POST   --data '{"id":"bye","content":"good bye world\n"}'   http://localhost:1337/sites
curl http://localhost:1337/sites
curl http://localhost:1337/sites/hello
curl --header "Content-Type: application/json"   --request DELETE http://localhost:1337/sites/bye
curl http://localhost:1337/sites
"""  # noqa: E501
JSON = {'Content-Type': 'application/json'}


class Sites:
    """A service with sites, and its object store."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.client = Client(service.url)
        self.store = Store(service.state)

    def call(self, method: str, path: str, **body: Any) -> requests.Response:
        url = self.service.url + '/sites' + path
        return requests.request(method, url, json=body or None, timeout=300)

    def create(self, name: str, content: str = 'hello') -> str:
        """Make a site; return its address."""
        answer = self.call('POST', '', id=name, content=content)
        assert answer.status_code == 200, answer.text
        return str(answer.json()['url'])

    def delete(self, name: str) -> None:
        answer = self.call('DELETE', f'/{name}')
        assert (answer.status_code, answer.text) == (200, '')

    def bucket(self, name: str) -> str:
        return str(self.client.get(f'/stacks/{name}/outputs')['bucket'])

    def buckets_of(self, name: str) -> list[str]:
        return [each for each in self.store.buckets() if each.startswith(f'{name}-')]


@pytest.fixture(scope='module')
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    with serving(tmp_path_factory.mktemp('sites')) as service:
        found = Sites(service)
        found.client.wait_until_up()
        yield found


def test_documented_curls(sites: Sites) -> None:
    """The curls of the model's README do here what it says, as they stand."""
    script = CURLS.strip().replace('http://localhost:1337', sites.service.url)
    said = [_run(line) for line in script.splitlines()]
    address = re.fullmatch(r'\{"id": ?"hello", ?"url": ?"([^/"]+)"\}', said[0])
    assert address, said
    assert said[1] == said[0]
    assert re.fullmatch(r'\{"ids": ?\["bye", ?"hello"\]\}', said[3])
    assert said[4] == said[0]
    assert said[5] == ''
    assert re.fullmatch(r'\{"ids": ?\["hello"\]\}', said[6])
    assert page(address[1]).text == 'hello updated world!\n'
    sites.delete('hello')


def test_page(sites: Sites) -> None:
    """The page is what was sent; after a PUT the new one; after a DELETE nothing is left of it."""
    url = sites.create('paged', '<h1>One</h1>')
    first = page(url)
    assert (first.status_code, first.text) == (200, '<h1>One</h1>')
    assert first.headers['Content-Type'] == 'text/html; charset=utf-8'
    assert sites.call('PUT', '/paged', content='<h1>Two</h1>').json()['url'] == url
    assert page(url).text == '<h1>Two</h1>'
    assert sites.client.get('/stacks/paged')['program'] == 'static-site'
    sites.delete('paged')
    assert page(url).status_code == 404
    assert sites.buckets_of('paged') == []
    assert sites.call('GET', '/paged').status_code == 404


def test_refusals(sites: Sites) -> None:
    """What cannot be done is told by the model's statuses, in its words."""
    sites.create('here')
    again = sites.call('POST', '', id='here', content='x')
    assert (again.status_code, again.json()['detail']) == (409, "stack 'here' already exists")
    for method in ('GET', 'PUT', 'DELETE'):
        absent = sites.call(method, '/gone', **({'content': 'x'} if method == 'PUT' else {}))
        assert (absent.status_code, absent.json()['detail']) == (
            404,
            "stack 'gone' does not exist",
        )
    broken = requests.post(sites.service.url + '/sites', data='{', headers=JSON, timeout=30)
    assert broken.status_code == 400
    for name in ('', 'Upper', '../x', '-x', 'x' * 61, 'a b'):
        refused = sites.call('POST', '', id=name, content='x')
        assert refused.status_code == 422, name
        assert refused.json()['errors'][0]['pointer'] == '#/id'
    for body in ({'id': 'x'}, {'id': 'x', 'content': 1}, {'id': 'x', 'content': 'x', 'more': 1}):
        assert sites.call('POST', '', **body).status_code == 422, body
    other = sites.call('PUT', '/here', id='there', content='x')
    assert (other.status_code, other.json()['errors'][0]['pointer']) == (422, '#/id')
    sites.delete('here')


def test_other_stacks_are_no_sites(sites: Sites) -> None:
    """A stack of another program is neither shown nor touched as a site."""
    client = sites.client
    client.done(client.create('accounts', {'accounts': ['ann']}, program='passwords'))
    assert 'accounts' not in sites.call('GET', '').json()['ids']
    assert sites.call('DELETE', '/accounts').status_code == 404
    assert sites.call('POST', '', id='accounts', content='x').status_code == 409
    client.done(client.destroy('accounts'))


def test_drift(sites: Sites) -> None:
    """What is changed or removed outside is seen, and an update brings it back."""
    client, store = sites.client, sites.store
    given = {'content': 'page', 'files': {'a.txt': 'a', 'b.txt': 'b'}, 'error_page': 'nothing'}
    client.done(client.create('drifting', given, program='static-site'))
    bucket = sites.bucket('drifting')
    store.client.put_object(Bucket=bucket, Key='a.txt', Body=b'changed')
    store.client.delete_object(Bucket=bucket, Key='b.txt')
    store.client.delete_bucket_policy(Bucket=bucket)
    client.done(client.start('drifting', 'refresh'))
    assert client.get('/stacks/drifting')['drift']['changes'] == {'update': 1, 'delete': 2}
    client.done(client.start('drifting', 'refresh', accept=True))
    client.done(client.start('drifting', 'update'))
    url = client.get('/stacks/drifting/outputs')['website_url']
    assert [page(url, name).text for name in ('', 'a.txt', 'b.txt')] == ['page', 'a', 'b']
    assert (page(url, 'c.txt').status_code, page(url, 'c.txt').text) == (404, 'nothing')
    client.done(client.destroy('drifting'))
    assert sites.buckets_of('drifting') == []


def test_bucket_removed_outside(sites: Sites) -> None:
    """A bucket that somebody removed is made again, and its loss stops no destroy."""
    client, store = sites.client, sites.store
    for name in ('lost', 'lost-too'):
        sites.create(name)
        store.client.delete_object(Bucket=sites.bucket(name), Key='index.html')
        store.client.delete_bucket(Bucket=sites.bucket(name))
    client.done(client.start('lost', 'refresh', accept=True))
    client.done(client.start('lost', 'update'))
    assert page(client.get('/stacks/lost/outputs')['website_url']).text == 'hello'
    sites.delete('lost')
    sites.delete('lost-too')


def test_files_of_others_are_kept(sites: Sites) -> None:
    """A destroy keeps a bucket in which somebody else has put files, and names them."""
    sites.create('shared')
    bucket = sites.bucket('shared')
    sites.store.client.put_object(Bucket=bucket, Key='theirs.txt', Body=b'theirs')
    refused = sites.call('DELETE', '/shared')
    assert refused.status_code == 502
    assert 'theirs.txt' in refused.json()['detail']
    assert 'ObjectStoreError' not in refused.json()['detail']
    assert 'theirs.txt' in sites.store.files(bucket)
    sites.store.client.delete_object(Bucket=bucket, Key='theirs.txt')
    sites.delete('shared')
    assert sites.buckets_of('shared') == []


FILES = {
    'empty.txt': ('', b'', 'text/plain; charset=utf-8'),
    'ümläut 日本.html': ('<p>ü', '<p>ü'.encode(), 'text/html; charset=utf-8'),
    'a b+c&d=e?f#g%20.txt': ('x', b'x', 'text/plain; charset=utf-8'),
    'quote\'"<>.css': ('a{}', b'a{}', 'text/css; charset=utf-8'),
    'folder/in/folder.svg': ('<svg/>', b'<svg/>', 'image/svg+xml'),
    'unknown.zzz9': ('?', b'?', 'application/octet-stream'),
    'packed.txt.gz': ({'base64': 'H4sI'}, b'\x1f\x8b\x08', 'application/octet-stream'),
    'latin.html': (
        {'base64': base64.b64encode('<p>ü'.encode('latin-1')).decode()},
        b'<p>\xfc',
        'text/html; charset=iso-8859-1',
    ),
}


def test_awkward_files(sites: Sites) -> None:
    """Empty files, awkward names, unknown types, other encodings: all are served as given."""
    client = sites.client
    given = {
        'content': '',
        'files': {name: content for name, (content, _, _) in FILES.items()},
        'content_types': {'latin.html': 'text/html; charset=iso-8859-1'},
    }
    client.done(client.create('awkward', given, program='static-site'))
    url = client.get('/stacks/awkward/outputs')['website_url']
    assert page(url).content == b''
    for name, (_, content, kind) in FILES.items():
        found = page(url, quote(name))
        assert (found.content, found.headers['Content-Type']) == (content, kind), name
    changed = {**given['files'], 'empty.txt': 'not any more'}  # type: ignore[dict-item]
    done = client.done(client.start('awkward', 'update', inputs={'files': changed}))
    assert done['changes']['update'] == 1
    assert page(url, 'empty.txt').text == 'not any more'
    client.done(client.destroy('awkward'))


def test_large_file(sites: Sites) -> None:
    """A file of several MiB is served as it was given; what is larger is told to be too large."""
    content = secrets.token_hex(5 * 512 * 1024)
    url = sites.create('large', content)
    assert page(url).text == content
    shown = sites.client.get('/stacks/large')['inputs']['content']
    assert (shown[:100], shown[-22:]) == (content[:100], '(5,242,880 characters)')
    sites.delete('large')
    answer = sites.call('POST', '', id='larger', content='x' * 7 * 1024 * 1024)
    assert (answer.status_code, 'at most 6 MiB' in answer.json()['detail']) == (502, True)
    assert sites.call('POST', '', id='larger', content='x' * 8 * 1024 * 1024).status_code == 413
    assert sites.call('GET', '/larger').status_code == 404


@pytest.mark.parametrize(
    ('given', 'said'),
    [
        ({'files': {'a/../b': ''}}, 'cannot be called'),
        ({'files': {'a\nb': ''}}, 'cannot be called'),
        ({'files': {'a': {'base64': '!'}}}, 'is not base64'),
        ({'content_types': {'missing.txt': 'text/plain'}}, 'none of the files'),
    ],
)
def test_files_that_cannot_be(sites: Sites, given: dict[str, Any], said: str) -> None:
    """What no site can have is one clear error, and nothing stays of it."""
    client = sites.client
    run = client.ended(client.create('never', {'content': '', **given}, program='static-site'))
    assert said in run['error']['message']
    client.done(client.destroy('never'))
    assert sites.buckets_of('never') == []


@pytest.mark.parametrize(
    'given', [{'files': {'index.html': ''}}, {'files': {'': ''}}, {'content_types': {'a': 'html'}}]
)
def test_inputs_that_cannot_be(sites: Sites, given: dict[str, Any]) -> None:
    """What the inputs' schema refuses is told before anything is made."""
    body = {'program': 'static-site', 'name': 'x', 'inputs': {'content': '', **given}}
    assert sites.client.call('POST', '/stacks', json=body).status_code == 422


def test_no_key_anywhere(sites: Sites) -> None:
    """The store's key is in its own file, and in nothing else that is kept, answered or shown."""
    key = sites.store.secret_key.encode()
    sites.create('keyless')
    run = sites.client.get('/stacks/keyless')['last_run']
    answers = [f'/stacks/keyless{each}' for each in ('', '/outputs')] + [f'/runs/{run}/log']
    for path in answers:
        assert key not in sites.client.call('GET', path).content
    kept = [path for path in sites.service.state.rglob('*') if path.is_file()]
    assert [path.name for path in kept if key in path.read_bytes()] == ['secret-key']
    commands = map(processes.command_line, processes.descendants(os.getpid()))
    assert not [command for command in commands if key.decode() in command]
    sites.delete('keyless')


def test_store_is_killed(sites: Sites) -> None:
    """A store that dies is back at the same address with all that was in it."""
    url = sites.create('lasting')
    [pid] = sites.store.processes()
    os.kill(pid, signal.SIGKILL)
    await_that(lambda: _is_served(url))
    assert sites.store.processes().isdisjoint({pid})
    sites.delete('lasting')


def _is_served(url: str) -> bool:
    try:
        return page(url).status_code == 200
    except requests.ConnectionError:
        return False


def _run(line: str) -> str:
    done = subprocess.run(
        ['bash', '-euo', 'pipefail', '-c', line.replace('curl ', 'curl -s ')],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize(
    'number', [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_service_ends(tmp_path: Path, number: int) -> None:
    """However the service ends, its store ends with it; the next one serves the sites again."""
    with serving(tmp_path, STATE_DIR=str(tmp_path / 'state')) as service:
        found = Sites(service)
        found.client.wait_until_up()
        url = found.create('again')
        store = found.store
        assert len(store.processes()) == 1
        if number == signal.SIGKILL:
            for pid in [service.process.pid, *processes.descendants(service.process.pid)]:
                if 'gunicorn' in processes.command_line(pid):
                    os.kill(pid, number)
    await_that(lambda: not store.processes())
    with serving(tmp_path, STATE_DIR=str(tmp_path / 'state')) as service:
        found = Sites(service)
        found.client.wait_until_up()
        await_that(lambda: _is_served(url))
        found.delete('again')


@pytest.mark.slow
def test_upgrade(tmp_path: Path) -> None:
    """What one version of the program has made, the next one changes, and any one removes."""
    programs = tmp_path / 'programs'
    folder = programs / 'static-site'
    made = shutil.ignore_patterns('venv', '.venvs', '__pycache__', 'Pulumi.*.yaml')
    shutil.copytree(ROOT / 'programs' / 'static-site', folder, ignore=made)
    copy_venvs_in(folder, (ROOT / 'programs' / 'static-site' / 'venv').resolve())
    with serving(tmp_path, PROGRAMS_DIR=str(programs)) as service:
        found = Sites(service)
        client = found.client
        client.wait_until_up()
        urls = {name: found.create(name, 'old') for name in ('changed', 'kept', 'moved')}
        _raise_form(folder / 'object_store')
        same = client.done(client.start('changed', 'preview'))
        assert set(same['changes']) == {'same'}
        found.call('PUT', '/changed', content='new').raise_for_status()
        assert page(urls['changed']).text == 'new'
        looked = client.done(client.start('changed', 'refresh'))
        assert set(looked['changes']) == {'same'}
        # Its own version is kept here; on another host there is only the new one.
        found.delete('kept')
        for copy in (service.state / 'programs').iterdir():
            shutil.rmtree(copy)
        found.delete('moved')
        found.delete('changed')
        assert found.store.buckets() == []


def _raise_form(code: Path) -> None:
    """Have the program keep a property under another name, as a later version might."""
    form, file = code / 'form.py', code / 'file.py'
    older = (
        "    if form < 2 and 'digest' in props:\n"
        "        props = {**props, 'sum': props['digest']}\n"
    )
    text = form.read_text().replace('FORM = 1', 'FORM = 2')
    form.write_text(text.replace('    return props\n', f'{older}    return props\n'))
    file.write_text(file.read_text().replace("'digest'", "'sum'"))


def test_store_is_away(tmp_path: Path) -> None:
    """Where the store is away, a create fails in words, and is not in the way of the next one."""
    folder = tmp_path / 'elsewhere'
    gateway = Gateway(folder)
    store = Kept(folder, gateway)
    port, website_port = ports.choose(2)
    folder.mkdir()
    (folder / 'ports.json').write_text(json.dumps({'ports': [port, website_port]}))
    user, secret = gateway.keys()
    settings = {
        'OBJECT_STORE': f'http://127.0.0.1:{port}',
        'OBJECT_STORE_WEBSITE': '{bucket}.localhost:' + str(website_port),
        'AWS_REGION': 'us-east-1',
        'AWS_ACCESS_KEY_ID': user,
        'AWS_SECRET_ACCESS_KEY': secret,
    }
    with serving(tmp_path, **settings) as service:
        found = Sites(service)
        found.client.wait_until_up()
        refused = found.call('POST', '', id='later', content='late')
        assert refused.status_code == 502
        assert 'the object store cannot be reached' in refused.json()['detail']
        assert 'Traceback' not in refused.text
        store.ports()
        url = found.create('later', 'late')
        assert page(url).text == 'late'
        found.delete('later')
    assert list((folder / 'data').glob('later*')) == []
    store.close()


def test_wrong_keys(sites: Sites, tmp_path: Path) -> None:
    """Keys that the store does not know are told, and never shown."""
    sites.create('first')
    settings = {
        'OBJECT_STORE': f'http://127.0.0.1:{sites.store.ports[0]}',
        'AWS_REGION': 'us-east-1',
        'AWS_ACCESS_KEY_ID': 'service',
        'AWS_SECRET_ACCESS_KEY': 'planted-wrong-key-4417',
    }
    with serving(tmp_path, **settings) as service:
        found = Sites(service)
        found.client.wait_until_up()
        refused = found.call('POST', '', id='unknown', content='x')
        assert refused.status_code == 502
        assert 'the object store says' in refused.json()['detail']
        assert 'planted' not in refused.text + service.log()
    sites.delete('first')
