"""Databases on a real server, by the requests that clients send."""

from __future__ import annotations

import os
import pwd
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tests import processes
from tests.database_server import query
from tests.databases import PROGRAM, Databases
from tests.doers import await_that
from tests.paths import ROOT
from tests.service import serving

REFUSED = 'password authentication failed'
LONGEST = 'x' * 63
PYTHON = sys.executable
LOCAL = re.compile(r'(http://)?localhost:8000')
BLOCKS = re.compile(r'^```bash\n(.*?)^```$', re.MULTILINE | re.DOTALL)
SUMMARY = re.compile(r'\{.*\}', re.DOTALL)


@pytest.fixture(scope='module')
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    with serving(tmp_path_factory.mktemp('databases')) as service:
        found = Databases(service)
        # Its server is started by the first that needs it, and then is there.
        found.create('begin', name='begin')
        found.destroy('begin')
        yield found


@pytest.fixture
def nothing_left(databases: Databases) -> Iterator[None]:
    """Assert that a test leaves the server as it has found it."""
    server = databases.server
    before = server.databases(), server.roles()
    yield
    assert (server.databases(), server.roles()) == before


pytestmark = pytest.mark.usefixtures('nothing_left')


def test_whole_life(databases: Databases) -> None:
    """A database is there, its owner may do everything in it, and nothing is left of it."""
    found = databases.create('first', name='app')
    assert found['port'] == databases.server.port
    assert (found['database'], found['user'], found['host']) == ('app', 'app', '127.0.0.1')
    assert query(found['url'], 'SELECT current_user, current_database()') == [('app', 'app')]
    query(found['url'], 'CREATE TABLE t (a int)')
    query(found['url'], 'DROP TABLE t')
    databases.destroy('first')
    with pytest.raises(psycopg.OperationalError, match=REFUSED):
        query(found['url'], 'SELECT 1')


def test_rights(databases: Databases) -> None:
    """Nobody enters the database of another one, and an owner has no rights beside it."""
    one = databases.create('one', name='one')
    two = databases.create('two', name='two', owner='their_owner')
    assert two['user'] == 'their_owner'
    with pytest.raises(psycopg.OperationalError, match='does not have CONNECT'):
        query(at(one['url'], 'two'), 'SELECT 1')
    for command in ('CREATE DATABASE mine', 'CREATE ROLE mine', 'SELECT * FROM pg_authid'):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            query(one['url'], command)
    databases.destroy('one')
    databases.destroy('two')


def test_longest_name(databases: Databases) -> None:
    """A name of 63 letters is kept whole, and one of 64 is refused before anything is made."""
    found = databases.create('long', name=LONGEST)
    assert LONGEST in databases.server.databases()
    assert query(found['url'], 'SELECT current_user') == [(LONGEST,)]
    databases.destroy('long')


@pytest.mark.parametrize(
    'name', ['', 'Upper', '1a', 'a-b', 'a b', 'ä', 'a"b', "a'b", LONGEST + 'x']
)
def test_names_that_cannot_be(databases: Databases, name: str) -> None:
    """A name that would be cut or need quotes is refused by the request itself."""
    body = {'program': PROGRAM, 'name': 'never', 'inputs': {'name': name}}
    answer = databases.client.call('POST', '/stacks', json=body)
    assert answer.status_code == 422
    assert answer.json()['errors'][0]['pointer'] == '#/inputs/name'


@pytest.mark.parametrize(
    'inputs',
    [
        {'name': 'postgres'},
        {'name': 'template1'},
        {'name': 'pg_mine'},
        {'name': 'app', 'owner': 'postgres'},
        {'name': 'app', 'reader': 'app'},
    ],
)
def test_names_of_the_server(databases: Databases, inputs: dict[str, str]) -> None:
    """The server's own names, and one name for two users, are refused in words."""
    assert ' cannot be ' in databases.refused('never', **inputs)


def test_name_is_taken(databases: Databases) -> None:
    """What is there under the name already is somebody else's: it is told, and not touched."""
    databases.create('mine', name='mine')
    databases.server.run('CREATE ROLE theirs LOGIN')
    databases.server.run('CREATE DATABASE theirs')
    for inputs in (
        {'name': 'mine'},
        {'name': 'theirs', 'owner': 'somebody'},
        {'name': 'app', 'owner': 'theirs'},
        {'name': 'app', 'reader': 'theirs'},
    ):
        assert 'which this stack has not made' in databases.refused('second', **inputs)
    assert databases.server.databases() == {'mine', 'theirs'}
    assert databases.server.roles() == {'mine', 'theirs'}
    databases.destroy('mine')
    databases.server.run('DROP DATABASE theirs')
    databases.server.run('DROP ROLE theirs')


DRIFTS = {
    'password': 'ALTER ROLE drifting PASSWORD $$other$$',
    'no login': 'ALTER ROLE drifting NOLOGIN',
    'expired': "ALTER ROLE drifting VALID UNTIL '2020-01-01'",
    'rights': 'ALTER ROLE drifting SUPERUSER CREATEDB CREATEROLE CONNECTION LIMIT 3',
    'owner': 'ALTER DATABASE drifting OWNER TO postgres',
    'limit': 'ALTER DATABASE drifting CONNECTION LIMIT 1',
    'closed': 'ALTER DATABASE drifting ALLOW_CONNECTIONS false',
    'for all': 'GRANT CONNECT, TEMPORARY ON DATABASE drifting TO PUBLIC',
}


def test_drift(databases: Databases) -> None:
    """What is changed outside is seen, and an update brings it back."""
    found = databases.create('drifting', name='drifting', connection_limit=7)
    assert databases.drift('drifting') == {}
    for what, command in DRIFTS.items():
        databases.server.run(command)
        assert databases.drift('drifting') == {'update': 1}, what
        assert databases.update('drifting')['changes']['update'] == 1, what
        assert databases.drift('drifting') == {}, what
        assert query(found['url'], 'SELECT 1') == [(1,)], what
    databases.destroy('drifting')


def test_drift_that_is_accepted(databases: Databases) -> None:
    """After the state was made to follow, an update brings the same back."""
    found = databases.create('followed', name='followed')
    for command in ('ALTER ROLE followed PASSWORD $$other$$', 'DROP DATABASE followed'):
        databases.server.run(command)
    databases.client.done(databases.client.start('followed', 'refresh', accept=True))
    databases.update('followed')
    assert query(found['url'], 'SELECT 1') == [(1,)]
    databases.destroy('followed')


def test_gone(databases: Databases) -> None:
    """What somebody has removed is made again, and its loss stops no destroy."""
    found = databases.create('gone', name='gone')
    databases.create('gone-too', name='gone_too')
    for name in ('gone', 'gone_too'):
        databases.server.run(f'DROP DATABASE {name}')
        databases.server.run(f'DROP ROLE {name}')
    assert databases.drift('gone') == {'delete': 2}
    databases.update('gone')
    assert query(found['url'], 'SELECT 1') == [(1,)]
    databases.destroy('gone')
    databases.destroy('gone-too')


def test_password_is_changed(databases: Databases) -> None:
    """Another version makes a new password; the old one is of no use, and nothing else changes."""
    before = databases.create('turned', name='turned')
    query(before['url'], 'CREATE TABLE t AS SELECT 1 AS a')
    run = databases.update('turned', password_version=2)
    assert run['changes'].get('replace', 0) == 0
    after = databases.outputs('turned')
    assert after['password'] != before['password']
    with pytest.raises(psycopg.OperationalError, match=REFUSED):
        query(before['url'], 'SELECT 1')
    assert query(after['url'], 'SELECT a FROM t') == [(1,)]
    query(after['url'], 'DROP TABLE t')
    databases.destroy('turned')


def test_owner_is_changed(databases: Databases) -> None:
    """Another owner gets all that there is, and of the one before nothing is left."""
    before = databases.create('handed', name='handed', owner='first_owner')
    query(before['url'], 'CREATE TABLE t AS SELECT 1 AS a; CREATE SCHEMA s; CREATE TABLE s.u ()')
    databases.update('handed', owner='second_owner')
    after = databases.outputs('handed')
    assert databases.server.roles() == {'second_owner'}
    assert query(after['url'], 'ALTER TABLE t ADD b int; DROP SCHEMA s CASCADE; SELECT 1') == []
    assert databases.drift('handed') == {}
    query(after['url'], 'DROP TABLE t')
    databases.destroy('handed')


def test_reader_becomes_no_owner(databases: Databases) -> None:
    """The name of the reader is none for the owner, also where the reader is to go."""
    databases.create('crossed', name='crossed', reader='crossed_reader')
    said = databases.not_updated('crossed', owner='crossed_reader', reader='')
    assert 'Choose another name' in said
    databases.update('crossed', owner='', reader='')
    assert query(databases.outputs('crossed')['url'], 'SELECT 1') == [(1,)]
    databases.destroy('crossed')


def test_renaming_is_refused(databases: Databases) -> None:
    """A database keeps its name: another one is refused in words, and nothing is changed."""
    found = databases.create('named', name='named')
    said = databases.not_updated('named', name='other')
    assert 'The database named cannot be renamed to other' in said
    assert 'Nothing was changed' in said
    assert 'other' not in databases.server.roles()
    assert query(found['url'], 'SELECT 1') == [(1,)]
    databases.update('named', name='named')
    databases.destroy('named')


def test_limit(databases: Databases) -> None:
    """Only as many as may be are connected at the same time; the limit is changed in place."""
    found = databases.create('limited', name='limited', connection_limit=1)
    with psycopg.connect(found['url']):
        with pytest.raises(psycopg.OperationalError, match='too many connections'):
            query(found['url'], 'SELECT 1')
        run = databases.update('limited', connection_limit=2)
        assert run['changes']['update'] == 1
        assert query(found['url'], 'SELECT 1') == [(1,)]
    databases.destroy('limited')


def test_delete_protection(databases: Databases) -> None:
    """A database with tables is not destroyed while its protection is on, nor anything of it."""
    found = databases.create('kept', name='kept', reader='kept_reader')
    query(found['url'], 'CREATE TABLE t AS SELECT 1 AS a')
    said = databases.not_destroyed('kept')
    assert 'The database kept has a table (public.t), and is kept' in said
    assert 'delete_protection false' in said
    assert query(found['url'], 'SELECT a FROM t') == [(1,)]
    assert query(found['reader_url'], 'SELECT a FROM t') == [(1,)]
    assert databases.drift('kept') == {}
    databases.update('kept', delete_protection=False)
    databases.destroy('kept')


def test_protected_stack(databases: Databases) -> None:
    """The platform's own protection refuses a destroy whatever is in the database."""
    databases.create('shielded', name='shielded', delete_protection=False)
    client = databases.client
    assert client.call('PATCH', '/stacks/shielded', json={'protected': True}).status_code == 200
    assert client.call('DELETE', '/stacks/shielded').status_code == 409
    client.call('PATCH', '/stacks/shielded', json={'protected': False})
    databases.destroy('shielded')


def test_destroyed_while_it_is_used(databases: Databases) -> None:
    """A destroy ends those who are connected, and leaves no trace in databases of others."""
    databases.server.run('CREATE DATABASE theirs')
    found = databases.create('used', name='used', delete_protection=False)
    databases.server.run('GRANT CREATE ON SCHEMA public TO used', 'theirs')
    theirs = at(found['url'], 'theirs')
    query(theirs, 'CREATE TABLE made_there AS SELECT 1 AS a')
    with psycopg.connect(found['url']) as here, psycopg.connect(theirs) as there:
        databases.destroy('used')
        for connection in (here, there):
            with pytest.raises(psycopg.OperationalError):
                connection.execute('SELECT 1')
    # What it has made in what is another's is another's.
    assert databases.server.ask('SELECT a FROM made_there', 'theirs') == [1]
    databases.server.run('DROP DATABASE theirs')


def test_reader(databases: Databases) -> None:
    """A reader reads what its owner makes, before and after, and changes nothing."""
    found = databases.create('read', name='read', delete_protection=False)
    query(found['url'], 'CREATE SCHEMA s; CREATE TABLE s.early AS SELECT 1 AS a')
    databases.update('read', reader='read_reader')
    found = databases.outputs('read')
    query(found['url'], 'CREATE TABLE late AS SELECT 2 AS a; CREATE SEQUENCE q')
    assert query(
        found['reader_url'], 'SELECT a FROM s.early UNION SELECT a FROM late ORDER BY 1'
    ) == [
        (1,),
        (2,),
    ]
    for command in ('INSERT INTO late VALUES (3)', 'CREATE TABLE mine ()', "SELECT nextval('q')"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            query(found['reader_url'], command)
    databases.server.run('REVOKE SELECT ON late FROM read_reader', 'read')
    assert databases.drift('read') == {'update': 1}
    databases.update('read')
    assert query(found['reader_url'], 'SELECT a FROM late') == [(2,)]
    databases.update('read', owner='read_owner')
    query(databases.outputs('read')['url'], 'CREATE TABLE later AS SELECT 3 AS a')
    assert query(found['reader_url'], 'SELECT a FROM later') == [(3,)]
    databases.update('read', reader='')
    assert databases.server.roles() == {'read_owner'}
    databases.destroy('read')


def test_no_password_anywhere(databases: Databases) -> None:
    """Passwords are in nothing that is kept, answered or shown, but where they are asked for."""
    found = databases.create('secretive', name='secretive', reader='secretive_reader')
    client, state = databases.client, databases.service.state
    client.done(client.start('secretive', 'refresh', accept=True))
    databases.update('secretive', connection_limit=3)
    last = client.get('/stacks/secretive')['last_run']
    planted = [databases.server.password, found['password'], found['reader_password']]
    for path in (
        *('/stacks/secretive', '/stacks/secretive/outputs', '/stacks/secretive/resources'),
        *('/stacks/secretive/runs', f'/runs/{last}', f'/runs/{last}/log', '/stacks'),
    ):
        answer = client.call('GET', path).text
        assert not [each for each in planted if each in answer], path
    told = {
        str(path.relative_to(state))
        for path in state.rglob('*')
        if path.is_file()
        if any(each.encode() in path.read_bytes() for each in planted)
    }
    assert told == {'servers/postgresql/password'}
    with closing(sqlite3.connect(state / 'platform.db')) as database:
        assert not [line for line in database.iterdump() if any(each in line for each in planted)]
    commands = [processes.command_line(pid) for pid in processes.descendants(os.getpid())]
    text = '\n'.join([*commands, databases.service.log()])
    assert not [each for each in planted if each in text]
    databases.destroy('secretive')


def test_never_as_root(databases: Databases) -> None:
    """Where the service is root the server is nobody, who can reach its files and no more."""
    if os.geteuid() != 0:
        pytest.skip('this is for root')
    [pid] = databases.server.processes()
    lines = Path(f'/proc/{pid}/status').read_text().splitlines()
    status = dict(line.split(':\t', 1) for line in lines)
    assert set(status['Uid'].split()) == {str(pwd.getpwnam('nobody').pw_uid)}
    assert status['Groups'].strip() == ''
    assert int(status['CapEff'], 16) in (1 << 1, 1 << 2)


def test_server_is_killed(databases: Databases) -> None:
    """A server that is killed is back at the same address with all that was in it."""
    found = databases.create('lasting', name='lasting', delete_protection=False)
    query(found['url'], 'CREATE TABLE t AS SELECT 1 AS a')
    [pid] = databases.server.processes()
    before = databases.server.all_processes()
    os.kill(pid, signal.SIGKILL)
    await_that(lambda: _answers(found['url']))
    assert before.isdisjoint(databases.server.all_processes())
    assert query(found['url'], 'SELECT a FROM t') == [(1,)]
    databases.destroy('lasting')


def test_documented_lines(databases: Databases) -> None:
    """The lines of docs/databases.md run as they stand, one after the other."""
    page = (ROOT / 'docs' / 'databases.md').read_text().partition('### Another version')[0]
    script = LOCAL.sub(databases.service.url, '\n'.join(BLOCKS.findall(page)))
    said = run(['bash', '-euo', 'pipefail', '-c', script.replace('venv/bin/python', PYTHON)])
    assert '(1,)' in said
    assert 'Result: [3]' in said
    assert said.endswith('stack destroy complete\n')
    assert databases.client.get('/stacks')['items'] == []


# In Pulumi's example, `database_migration`, as it prints them.
LINES = """successfully initialized stack
installing plugins...
plugins installed
setting up config
config set
refreshing stack...
refresh complete
updating stack...
update summary: 
{…}
db host url: 127.0.0.1
configuring db...
db configured!
creating table...
rows inserted!
querying to verify data...
Result: [3]
database, table and rows successfully configured
"""  # noqa: W291


def test_hello_pulumi(databases: Databases) -> None:
    """The example does its job, in its lines; again with the same result; and leaves nothing."""
    command = [PYTHON, 'examples/hello_pulumi.py']
    environ = {'INFRA_URL': databases.service.url}
    for _ in range(2):
        assert SUMMARY.sub('{…}', run(command, **environ)) == LINES
    url = databases.outputs('hello-pulumi')['url']
    rows = query(url, 'SELECT * FROM hello_pulumi ORDER BY id')
    assert rows == [(1, 'Purple'), (2, 'Violet'), (3, 'Plum')]
    assert run([*command, 'destroy'], **environ).endswith('stack destroy complete\n')
    assert databases.client.get('/stacks')['items'] == []


def run(command: list[str], **environ: str) -> str:
    """Return what a command says."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def at(url: str, database: str) -> str:
    """Return the URL of another database, for the same user."""
    return urlsplit(url)._replace(path=f'/{database}').geturl()


def _answers(url: str) -> bool:
    try:
        return bool(query(url, 'SELECT 1'))
    except psycopg.OperationalError:
        return False
