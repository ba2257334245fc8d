"""What cannot be done is one clear error, which leaves the target as it was."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from migrations import errors, planning, running
from migrations.errors import MigrationError
from migrations.places import Reach, parse
from migrations.sources import Wishes
from tests.mariadb import MariaDatabase
from tests.migrating import Case, sqlite_file
from tests.postgres import Database

MakeCase = Callable[[str], Case]
THREE = 'CREATE TABLE t (i integer primary key); INSERT INTO t VALUES (1), (2), (3)'


@pytest.fixture
def case(make_case: MakeCase) -> Case:
    """A table with three rows."""
    found = make_case('')
    found.source = sqlite_file(found.folder, THREE)
    return found


def _failure(case: Case) -> MigrationError:
    with pytest.raises(MigrationError) as found:
        case.run()
    return found.value


@pytest.mark.parametrize(
    ('old', 'new', 'kind', 'text'),
    [
        pytest.param('//postgres:', '//postgres:x', errors.LoginError, 'password', id='password'),
        pytest.param('//postgres:', '//nobody:', errors.LoginError, 'password', id='user'),
        pytest.param('/test_', '/none_', errors.NoDatabaseError, 'does not exist', id='database'),
        pytest.param(r':\d+/', ':1/', errors.ConnectError, 'port', id='port'),
        pytest.param('127.0.0.1', 'none.invalid', errors.ConnectError, 'host name', id='host'),
        pytest.param('=disable', '=require', errors.TlsError, 'sslmode=disable', id='TLS'),
    ],
)
def test_target_cannot_be_used(
    case: Case, old: str, new: str, kind: type[MigrationError], text: str
) -> None:
    """A target that lets nobody in is an error of its own kind, without the password."""
    url = re.sub(old, new, case.target, count=1)
    ends = replace(case.ends, target=parse(url), reach=Reach.of([parse(url).host], [case.folder]))
    with pytest.raises(MigrationError, match=text) as found:
        planning.plan(ends)
    assert type(found.value) is kind
    assert parse(case.target).password not in str(found.value)


@pytest.mark.parametrize(
    ('old', 'new', 'kind', 'text'),
    [
        pytest.param('owner:', 'owner:x', errors.LoginError, 'Access denied', id='password'),
        pytest.param('/source', '/none', errors.NoDatabaseError, 'Unknown', id='database'),
    ],
)
def test_mariadb_cannot_be_used(
    case: Case,
    maria: MariaDatabase,
    *,
    old: str,
    new: str,
    kind: type[MigrationError],
    text: str,
) -> None:
    """A source that lets nobody in is an error of its own kind."""
    case.source = maria.url.replace(old, new)
    failure = _failure(case)
    assert type(failure) is kind
    assert text in str(failure)


def test_mariadb_without_tls(case: Case, maria: MariaDatabase) -> None:
    """TLS that the server has not is an error; nothing goes over the wire in the clear."""
    case.source = f'{maria.url}?sslmode=require'
    assert type(_failure(case)) is errors.TlsError


@pytest.mark.parametrize(
    ('content', 'kind', 'text'),
    [
        pytest.param(None, errors.NoDatabaseError, 'unable to open', id='missing'),
        pytest.param(
            b'no database at all' * 99, errors.NoDatabaseError, 'not a database', id='other'
        ),
    ],
)
def test_file_cannot_be_used(
    case: Case, content: bytes | None, kind: type[MigrationError], text: str
) -> None:
    """A file that is none of SQLite is an error."""
    file = case.folder / 'other.db'
    if content:
        file.write_bytes(content)
    case.source = f'sqlite://{file}'
    failure = _failure(case)
    assert type(failure) is kind
    assert text in str(failure)


def test_nothing_else_is_connected_to(case: Case, tmp_path: Path) -> None:
    """A host or folder that is not allowed is refused, also by way of a link."""
    with pytest.raises(errors.NotAllowedError, match=r'127\.0\.0\.1'):
        planning.plan(replace(case.ends, reach=Reach.of([], [case.folder])))
    outside = tmp_path.parent / 'outside.db'
    outside.write_bytes(b'')
    (case.folder / 'link.db').symlink_to(outside)
    case.source = f'sqlite://{case.folder}/link.db'
    assert type(_failure(case)) is errors.NotAllowedError


def test_unknown_table(case: Case) -> None:
    """A wish for a table that is not there is an error that names it."""
    with pytest.raises(errors.UnfitError, match='"none"'):
        case.plan(Wishes(tables=('none',)))


def test_taken_name(case: Case) -> None:
    """A table that exists is refused in the plan, and not touched."""
    case.execute("CREATE TABLE t (a text); INSERT INTO t VALUES ('old')")
    plan = case.plan()
    assert 'public has "t" already' in plan.refusals[0]
    with pytest.raises(errors.UnfitError):
        case.run(plan)
    assert case.rows('SELECT a FROM t') == [('old',)]
    assert case.left() == []


def test_name_that_is_taken_after_the_plan(case: Case) -> None:
    """A table that appears after the plan is refused before a row moves."""
    plan = case.plan()
    case.execute('CREATE TABLE t (a text)')
    with pytest.raises(errors.ExistsError, match='"t"'):
        case.run(plan)
    assert case.left() == []


def test_name_that_is_taken_meanwhile(case: Case) -> None:
    """A table that appears while rows are copied is refused; it goes on when that is gone."""
    plan = case.plan()

    def appear() -> bool:
        if not case.log.count('verifying'):
            case.execute('CREATE TABLE IF NOT EXISTS t (a text)')
        return False

    case.stop = appear
    with pytest.raises(errors.ExistsError, match='"t" already exists'):
        case.run(plan)
    assert case.rows('SELECT count(*) FROM t') == [(0,)]
    case.stop = lambda: False
    case.execute('DROP TABLE t')
    assert case.resume().rows == 3


def test_replaced_table(case: Case) -> None:
    """By choice a table that exists moves into a backup schema, in the same step."""
    case.execute("CREATE TABLE t (a text PRIMARY KEY); INSERT INTO t VALUES ('old')")
    plan = case.plan(replacing=True)
    assert plan.replaced == ('t',)
    result = case.run(plan)
    assert case.rows('SELECT count(*) FROM t') == [(3,)]
    assert case.rows(f'SELECT a FROM {result.backup}.t') == [('old',)]


def test_replaced_table_that_others_mean(case: Case) -> None:
    """A table that a view or foreign key means is not replaced: these would mean the old one."""
    case.execute(
        'CREATE TABLE t (a int PRIMARY KEY)',
        'CREATE VIEW v AS SELECT * FROM t',
        'CREATE TABLE u (a int REFERENCES t)',
    )
    refusals = ' '.join(case.plan(replacing=True).refusals)
    assert 'view v' in refusals
    assert 'foreign key u_a_fkey of u' in refusals


def test_target_without_rights(case: Case, server: Database) -> None:
    """A role that may not create schemas is told what to grant."""
    name = parse(case.target).database
    with server.connect() as connection:
        connection.execute('DROP ROLE IF EXISTS plain')
        connection.execute("CREATE ROLE plain LOGIN PASSWORD 'secret-one'")
    host = case.target.partition('@')[2]
    case.target = f'postgresql://plain:secret-one@{host}'
    with pytest.raises(errors.PrivilegeError, match=f'GRANT CREATE ON DATABASE "{name}"'):
        case.plan()


def test_target_that_is_read_only(case: Case, server: Database) -> None:
    """A target in which nothing can be written is refused."""
    case.execute(
        f'ALTER DATABASE {parse(case.target).database} SET default_transaction_read_only = on'
    )
    with pytest.raises(errors.PrivilegeError, match='read-only'):
        case.plan()


def test_source_without_rights(make_case: MakeCase, source_database: str) -> None:
    """A table that may not be read is an error before anything is made in the target."""
    with psycopg.connect(source_database) as source:
        source.execute('CREATE TABLE t (i int)')
        source.execute('DROP ROLE IF EXISTS reader')
        source.execute("CREATE ROLE reader LOGIN PASSWORD 'secret-one'")
    case = make_case(f'postgresql://reader:secret-one@{source_database.partition("@")[2]}')
    failure = _failure(case)
    assert type(failure) is errors.PrivilegeError
    assert 'permission denied for table t' in str(failure)
    assert case.left() == []


def test_rows_hidden_by_a_policy(make_case: MakeCase, source_database: str) -> None:
    """Rows that a policy hides are not left out silently."""
    with psycopg.connect(source_database) as source:
        for each in (
            *('CREATE TABLE t (i int)', 'INSERT INTO t VALUES (1)', 'DROP ROLE IF EXISTS hidden'),
            "CREATE ROLE hidden LOGIN PASSWORD 'secret-one'",
            *('GRANT SELECT ON t TO hidden', 'ALTER TABLE t ENABLE ROW LEVEL SECURITY'),
        ):
            source.execute(each.encode())
    case = make_case(f'postgresql://hidden:secret-one@{source_database.partition("@")[2]}')
    assert 'row-level security' in str(_failure(case))


MISFITS = """
    CREATE TABLE t (i integer primary key, v text, n numeric);
    INSERT INTO t VALUES (1, 'good', 1), (2, 'with' || char(0) || 'NUL', 2),
      (3, CAST(x'ff' AS text), 3), (4, 'good', 4), (5, 'good', 1e300);
"""
MISFITTING = Wishes(types=(('t.n', 'numeric(5,2)'),))


def test_misfits(case: Case) -> None:
    """A value that does not fit is an error that names table, key, column, value and reason."""
    case.source = sqlite_file(case.folder, MISFITS)
    with pytest.raises(errors.RejectsError, match=r't \(i=2\) column v: .*x00NUL.*: .*NUL'):
        case.run(case.plan(MISFITTING))
    assert case.rows("SELECT to_regclass('t')") == [(None,)]


def test_allowed_misfits(case: Case, tmp_path: Path) -> None:
    """With an allowance rows are left out, each named in a file, and the others are there."""
    case.source = sqlite_file(case.folder, MISFITS)
    result = case.run(case.plan(MISFITTING), allowance=3)
    assert case.rows('SELECT i FROM t ORDER BY i') == [(1,), (4,)]
    running.write_rejects(tmp_path / 'rejects.jsonl', result.rejects)
    found = [json.loads(line) for line in (tmp_path / 'rejects.jsonl').read_text().splitlines()]
    assert {(each['key'], each['column']) for each in found} == {
        ('i=2', 'v'),
        ('i=3', 'v'),
        ('i=5', 'n'),
    }
    assert all(each['table'] == 't' and each['value'] and each['reason'] for each in found)


def test_misfits_are_not_counted_twice(case: Case) -> None:
    """After too many misfits a resume with a larger allowance goes on."""
    case.source = sqlite_file(case.folder, MISFITS)
    case.chunk_rows = 1
    with pytest.raises(errors.RejectsError):
        case.run(case.plan(MISFITTING), allowance=2)
    assert len(case.resume(allowance=3).rejects) == 3


def test_dates_of_mysql_that_are_none(case: Case, maria: MariaDatabase) -> None:
    """MySQL's zero dates are rejected, or become NULL by choice."""
    maria.execute(
        *('DROP DATABASE source', 'CREATE DATABASE source CHARACTER SET utf8mb4', 'USE source'),
        *("SET sql_mode = ''", 'CREATE TABLE t (i int primary key, d date, e datetime)'),
        "INSERT INTO t VALUES (1, '0000-00-00', '2020-01-01'), (2, '2020-00-10', NULL)",
    )
    case.source = maria.url
    with pytest.raises(errors.RejectsError, match=r'2020-00-10|0000-00-00'):
        case.run()
    plan = case.plan(Wishes(zero_dates_are_null=True))
    assert '2 values that are no dates become NULL' in [note.text for _, note in plan.told()]
    case.run(plan, 'second')
    assert case.rows('SELECT i, d FROM t ORDER BY i') == [(1, None), (2, None)]


def test_cancel(case: Case) -> None:
    """A cancelled migration can be gone on with, or removed."""
    case.stop = lambda: True
    with pytest.raises(errors.CancelledError, match='resume'):
        case.run()
    assert case.left() == [('_mig_test',)]
    running.abandon(case.ends, 'test')
    assert case.left() == []
    assert [each.name for each in case.folder.glob('migration-*')] == []
    with pytest.raises(errors.UnknownError, match='no migration test'):
        case.resume()


def test_commands(case: Case) -> None:
    """The command plans, runs and verifies; its exit code says what went wrong."""
    plan = case.command('plan', '--json')
    written, _ = plan.communicate(timeout=60)
    (case.folder / 'plan.json').write_text(written)
    run = case.command('run', '--plan', str(case.folder / 'plan.json'), '--id', 'mine')
    out, told = run.communicate(timeout=60)
    assert run.returncode == 0, told
    assert out.splitlines() == ['migration mine', '3 rows']
    verify = case.command('verify', '--plan', str(case.folder / 'plan.json'))
    assert verify.communicate(timeout=60)[0] == 'All tables are alike.\n'
    case.execute('UPDATE t SET i = 4 WHERE i = 3')
    verify = case.command('verify', '--plan', str(case.folder / 'plan.json'))
    assert 'Not alike: t' in verify.communicate(timeout=60)[1]
    assert verify.returncode == errors.MismatchError.exit_code
    again = case.command('run')
    assert 'already' in again.communicate(timeout=60)[1]
    assert again.returncode == errors.UnfitError.exit_code


def test_password_is_nowhere(case: Case) -> None:
    """Passwords are in no argument of any process, and in nothing that is printed."""
    secret = parse(case.target).password
    run = case.command('run')
    seen = ''
    while run.poll() is None:
        for each in Path('/proc').glob('[0-9]*/cmdline'):
            try:
                seen += each.read_text(errors='replace')
            except OSError:
                continue
    assert 'migrations.worker' in seen
    assert secret not in seen
    assert run.stdout
    assert run.stderr
    assert secret not in run.stdout.read() + run.stderr.read()


def test_full_disk_of_the_private_copy(case: Case) -> None:
    """A copy of a SQLite file for which there is no room is an error that says where."""
    case.source = sqlite_file(
        case.folder, 'CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob(3000000))'
    )
    with _small_disk(case.folder / 'small') as small:
        ends = replace(case.ends, work=small)
        with pytest.raises(errors.SpaceError, match='room'):
            planning.plan(ends)
        assert list(small.iterdir()) == []


def test_full_disk_of_the_target(case: Case, server: Database) -> None:
    """A full disk of the target is an error that says so; with room the migration goes on."""
    case.source = sqlite_file(
        case.folder,
        'CREATE TABLE t (i integer primary key, a blob);'
        'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)'
        'INSERT INTO t SELECT i, randomblob(1000) FROM n',
    )
    plan = case.plan()
    with tempfile.TemporaryDirectory(prefix='disk-') as name:
        Path(name).chmod(0o755)
        with _small_disk(Path(name) / 'small') as small, _tablespace(server, small) as space:
            case.execute(
                f'ALTER DATABASE {parse(case.target).database} SET default_tablespace = {space}'
            )
            with pytest.raises(errors.SpaceError, match=r'No space left on device.*resume'):
                case.run(plan)
            assert case.rows("SELECT to_regclass('t')") == [(None,)]
            subprocess.run(['mount', '-o', 'remount,size=99m', str(small)], check=True)
            assert case.resume().rows == 3000
            case.execute('DROP TABLE t')


@contextmanager
def _tablespace(server: Database, folder: Path) -> Iterator[str]:
    shutil.chown(folder, 'nobody')
    name = 'small'
    with closing(server.connect()) as connection:
        connection.autocommit = True
        connection.execute(f"CREATE TABLESPACE {name} LOCATION '{folder}'".encode())
        try:
            yield name
        finally:
            connection.execute(f'DROP TABLESPACE {name}'.encode())


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip('mounting a small disk takes root')
    try:
        yield folder
    finally:
        subprocess.run(['umount', str(folder)], check=True)
