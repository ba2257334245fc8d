"""Every command against a real service: in a pipe, and at a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra import Client
from infra.waiting import Surroundings
from tests.faults.held import await_that
from tests.infra.command import Command, Done
from tests.infra.process import CTRL_C, at_terminal, in_shell
from tests.platform import TOKEN, Site, inputs, platform

FILES = ('-p', 'files', '-i', 'names=["a", "b"]')


@pytest.fixture(scope='module')
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A service that all tests here share, each with stacks of its own."""
    with platform(tmp_path_factory.mktemp('site')) as site:
        yield site


@pytest.fixture
def infra(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command line in this process, which spares each call the start of another one."""
    return Command(Surroundings(), capfd, monkeypatch)


@pytest.fixture(autouse=True)
def here(site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Have commands find the service, and the folder with the secret."""
    monkeypatch.setenv('INFRA_URL', site.service.url)
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'secret').write_text(TOKEN + '\n')


@contextmanager
def held(site: Site, operation: str = 'create') -> Iterator[None]:
    """Have the next operation go on when the body has ended."""
    mark = site.files / 'slow'
    (site.files / f'waiting-{operation}').unlink(missing_ok=True)
    mark.touch()
    try:
        yield
    finally:
        mark.unlink()


def wait_until_held(site: Site, operation: str = 'create') -> None:
    await_that((site.files / f'waiting-{operation}').exists)


def made(infra: Command, name: str, *more: str) -> Done:
    done = infra('up', name, *FILES, '--secret', 'token=@secret', '--yes', *more)
    assert done.code == 0, done.err
    return done


def run_id(done: Done) -> str:
    assert done.code == 0, done.err
    return done.out.strip()


def last_run(site: Site, name: str) -> str:
    return str(site.client.get(f'/stacks/{name}')['last_run'])


def test_life(site: Site, infra: Command) -> None:
    """A stack is made, looked at, changed, compared with what is there, and destroyed."""
    done = [made(infra, 'life', '--ttl', '8h', '--description', 'Ours')]
    assert site.existing('life') == {'a', 'b'}
    done += [
        infra('programs'),
        infra('program', 'files'),
        infra('ls', '--state', 'ready'),
        infra('show', 'life'),
        infra('output', 'life'),
        infra('preview', 'life', '-i', 'names=["a", "c"]'),
        infra('up', 'life', '-i', 'names=["a", "c"]', '--yes'),
        infra('history', 'life'),
        infra('logs', last_run(site, 'life')),
        infra('logs', '-f', last_run(site, 'life')),
        infra('wait', last_run(site, 'life')),
        infra('extend', 'life', '8h'),
        infra('open', 'life'),
        infra('status'),
    ]
    assert [each.code for each in done] == [0] * len(done)
    assert site.existing('life') == {'a', 'c'}
    assert 'life   files    ready' in done[3].out
    assert 'Description  Ours' in done[4].out
    assert '1 to delete, 1 to create, 1 unchanged' in done[6].out
    assert 'the token is [secret]' in done[9].out
    assert not [each for each in done if TOKEN in each.out + each.err]
    paths = json.loads(infra('output', 'life', 'paths').out)
    assert paths == [str(site.files / f'stack.life-{name}') for name in 'ac']
    assert infra('output', 'life', 'token').code == 1
    assert infra('output', 'life', 'token', '--reveal').out == TOKEN + '\n'
    assert sorted(infra('resources', 'life', '-q').out.split()) == ['a', 'c']


def test_changed_outside(site: Site, infra: Command) -> None:
    """What was changed outside is found, undone by an update, or taken over."""
    made(infra, 'drift')
    (site.files / 'stack.drift-a').write_text('changed')
    found = infra('refresh', 'drift', '--preview-only')
    assert found.out.splitlines()[1:] == ['~  change  a']
    assert '1 changed' in infra('ls').out
    assert infra('refresh', 'drift', '--accept').code == 0
    assert infra('preview', 'drift', '--detailed-exitcode').code == 2
    assert infra('up', 'drift', '--yes').code == 0
    assert infra('preview', 'drift', '--detailed-exitcode').code == 0
    assert infra('destroy', 'drift', '--yes').code == 0


def test_protected(site: Site, infra: Command) -> None:
    """A protected stack is not destroyed until its protection is taken away."""
    made(infra, 'guarded')
    assert infra('protect', 'guarded').code == 0
    refused = infra('destroy', 'guarded', '--yes')
    assert (refused.code, site.existing('guarded')) == (6, {'a', 'b'})
    assert 'infra unprotect' in refused.err
    assert infra('unprotect', 'guarded').code == 0
    assert infra('destroy', 'guarded', '--yes').code == 0
    assert infra('show', 'guarded').code == 5
    assert infra('history', 'guarded').code == 0


def test_failed(site: Site, infra: Command) -> None:
    """A run that fails ends with 4, and names the resource and the reason."""
    (site.files / 'fail-create').touch()
    done = infra('up', 'failing', *FILES, '--secret', 'token=-', '--yes', stdin=TOKEN.encode())
    (site.files / 'fail-create').unlink()
    assert (done.code, done.out) == (4, '')
    assert 'the file cannot be created, says the test' in done.err
    assert infra('wait', last_run(site, 'failing')).code == 4
    assert infra('logs', '-f', last_run(site, 'failing')).code == 4
    assert infra('destroy', 'failing', '--yes').code == 0


def test_refused(site: Site, infra: Command) -> None:
    """What the service refuses ends with 2, and names all that is wrong."""
    done = infra('up', 'No-Name', '-p', 'files', '--yes', '--ttl', 'soon')
    assert done.code == 2
    assert 'Error: name must' in done.err
    done = infra('up', 'refused', '-p', 'files', '--yes', '--ttl', 'soon')
    for words in ('names is required', 'token is required', 'ttl must'):
        assert words in done.err
    assert infra('show', 'refused').code == 5
    told = json.loads(infra('up', 'No-Name', '-p', 'files', '--yes', '--json').err)
    assert told['type'] == '/docs/errors#invalid'


def test_json(site: Site, infra: Command) -> None:
    """Every command has the service's own objects, and the finished run where it waits."""
    run = made(infra, 'json', '--json').json
    assert (run['state'], run['operation']) == ('succeeded', 'update')
    for arguments in (('ls',), ('programs',), ('history', 'json')):
        assert infra(*arguments, '--json').json['items']
    assert infra('show', 'json', '--json').json['name'] == 'json'
    assert infra('program', 'files', '--json').json['inputs']['properties']
    assert infra('logs', run['id'], '--json').json['complete'] is True
    assert infra('wait', run['id'], '--json').json == run
    assert infra('destroy', 'json', '--yes', '--json').json['operation'] == 'destroy'


def test_without_waiting(site: Site, infra: Command) -> None:
    """A run that is not waited for goes on, is in the way of others, and can be waited for."""
    made(infra, 'busy')
    with held(site):
        run = run_id(infra('up', 'busy', '-i', 'names=["z"]', '--yes', '--no-wait'))
        wait_until_held(site)
        late = infra('wait', run, '--timeout', '1s')
        assert (late.code, late.out) == (124, '')
        assert f'It goes on: infra wait {run}' in late.err
        blocked = infra('refresh', 'busy')
        assert blocked.code == 6
        assert f'infra logs -f {run}' in blocked.err
        queued = run_id(infra('refresh', 'busy', '--queue', '--no-wait'))
        assert run_id(infra('cancel', queued, '-q')) == queued
    assert infra('wait', run).code == 0
    assert infra('wait', queued).code == 4
    assert infra('cancel', run).code == 6
    assert infra('destroy', 'busy', '--yes').code == 0


def test_at_terminal(site: Site, infra: Command) -> None:
    """At a terminal secrets are typed hidden, and everything is asked before it is done."""
    with at_terminal('up', 'typed', *FILES, '--secret', 'token') as terminal:
        terminal.wait_for('token: ')
        terminal.type(f'{TOKEN}\n')
        terminal.wait_for('Make typed')
        terminal.type('y\n')
        assert terminal.end() == 0
        assert TOKEN not in terminal.seen
        assert '\x1b[K' in terminal.seen
    assert site.existing('typed') == {'a', 'b'}
    with at_terminal('up', 'typed', '-i', 'names=["a", "c"]') as terminal:
        terminal.wait_for('-  delete  b')
        terminal.wait_for('+  create  c')
        terminal.wait_for('Update typed? [y/N] ')
        terminal.type('n\n')
        assert terminal.end() == 1
    assert site.existing('typed') == {'a', 'b'}
    with at_terminal('destroy', 'typed') as terminal:
        terminal.wait_for('type its name (typed): ')
        terminal.type('yes\n')
        assert terminal.end() == 1
    assert site.existing('typed') == {'a', 'b'}
    with at_terminal('destroy', 'typed') as terminal:
        terminal.wait_for('type its name (typed): ')
        terminal.type('typed\n')
        assert terminal.end() == 0
    assert site.existing('typed') == set()


def test_in_ci(site: Site, infra: Command) -> None:
    """In CI nothing is redrawn, also where it has a terminal."""
    with at_terminal('up', 'in-ci', *FILES, '--secret', 'token=@secret', '-y', CI='1') as terminal:
        assert terminal.end() == 0
        assert '\x1b' not in terminal.seen
        assert '+ create  a  done' in terminal.seen
    assert infra('destroy', 'in-ci', '--yes').code == 0


def test_changed_at_the_question(site: Site, infra: Command) -> None:
    """A stack that somebody changes while the question stands is not updated by that preview."""
    made(infra, 'changing')
    with at_terminal('up', 'changing', '-i', 'names=["c"]') as terminal:
        terminal.wait_for('Update changing? [y/N] ')
        site.client.done(site.client.start('changing', 'update', inputs={'names': ['a']}))
        terminal.type('y\n')
        assert terminal.end() == 6
        assert 'have changed since that preview' in terminal.seen
    assert site.existing('changing') == {'a'}
    assert infra('destroy', 'changing', '--yes').code == 0


def test_ctrl_c(site: Site, infra: Command) -> None:
    """Ctrl-C ends the wait and not the run."""
    with (
        held(site),
        at_terminal('up', 'once', *FILES, '--secret', 'token=@secret', '-y') as terminal,
    ):
        wait_until_held(site)
        terminal.wait_for(' done')
        terminal.type(CTRL_C)
        terminal.wait_for('The run goes on: infra logs -f run_')
        assert terminal.end() == 130
    assert infra('wait', last_run(site, 'once')).code == 0
    assert site.existing('once') == {'a', 'b'}
    assert infra('destroy', 'once', '--yes').code == 0


def test_ctrl_c_twice(site: Site, infra: Command) -> None:
    """Ctrl-C twice asks the service to cancel the run, which ends what is under way."""
    with (
        held(site),
        at_terminal('up', 'twice', *FILES, '--secret', 'token=@secret', '-y') as terminal,
    ):
        wait_until_held(site)
        terminal.wait_for(' done')
        terminal.type(CTRL_C)
        terminal.wait_for('Ctrl-C again within 2 s')
        terminal.type(CTRL_C)
        terminal.wait_for('Asked to cancel it.')
        assert terminal.end() == 130
    done = infra('wait', last_run(site, 'twice'))
    assert done.code == 4
    assert 'was cancelled' in done.err
    assert infra('destroy', 'twice', '--yes').code == 0


def test_ctrl_c_at_the_question(site: Site, infra: Command) -> None:
    """Ctrl-C at the question changes nothing."""
    made(infra, 'asked')
    with at_terminal('up', 'asked', '-i', 'names=["c"]') as terminal:
        terminal.wait_for('Update asked? [y/N] ')
        terminal.type(CTRL_C)
        assert terminal.end() == 130
    assert site.existing('asked') == {'a', 'b'}
    assert infra('destroy', 'asked', '--yes').code == 0


def test_destroyed_while_waited_for(site: Site, infra: Command) -> None:
    """The end of a stack can be waited for, though the stack is gone then."""
    made(infra, 'doomed')
    with held(site, 'delete'):
        run = run_id(infra('destroy', 'doomed', '--yes', '--no-wait'))
        wait_until_held(site, 'delete')
        assert infra('wait', run, '--timeout', '1s').code == 124
        assert infra('refresh', 'doomed').code == 6
    assert infra('logs', '-f', run).code == 0
    assert infra('show', 'doomed').code == 5


def test_first_line_only(site: Site) -> None:
    """Whoever reads but the first line of a list gets that, and no complaint."""
    site.client.done(site.client.create('listed', inputs('a')))
    done = in_shell('infra ls | head -1')
    assert done.out.startswith('STACK')
    assert done.err == ''
    site.client.done(site.client.destroy('listed'))


def test_library(site: Site) -> None:
    """The same for programs: make, wait, read outputs and log, destroy."""
    client = Client(site.service.url)
    run = client.create('files', 'library', inputs('a'), ttl='8h')
    assert client.wait(run.id, timeout=60).has_succeeded
    assert client.outputs('library')['token'] == '[secret]'
    assert 'library' in [each.name for each in client.stacks(program='files')]
    assert ''.join(part.text for part in client.log(run.id, follow=True)).endswith('\n')
    assert [each.id for each in client.runs(stack='library')] == [run.id]
    assert client.wait(client.destroy('library').id).has_succeeded
