"""Servers with certificates: who is trusted, and who is not."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from migrations import errors, planning
from migrations.places import Reach
from tests import mariadb
from tests.certificates import certified
from tests.migrating import Case, whole_url
from tests.postgres import Database
from tests.tls_front import tls_front

MakeCase = Callable[[str], Case]
HOSTS = ('localhost', '127.0.0.1')


@pytest.fixture(scope='module')
def folder() -> Iterator[Path]:
    """A folder of certificates that servers can read, whoever they run as."""
    with tempfile.TemporaryDirectory(prefix='certificates-') as name:
        found = Path(name)
        found.chmod(0o755)
        yield found


@pytest.fixture(scope='module', params=['postgresql', 'mariadb'])
def url(request: pytest.FixtureRequest, server: Database, folder: Path) -> Iterator[str]:
    """A server whose certificate is for `localhost`, and that takes nobody without TLS."""
    file = certified(folder, 'localhost')
    with ExitStack() as stack:
        if request.param == 'postgresql':
            found = whole_url(server, 'postgres').partition('?')[0]
            port = urlsplit(found).port
            assert port
            yield found.replace(f':{port}/', f':{stack.enter_context(tls_front(port, file))}/')
        elif tool := mariadb.missing_tool():
            pytest.skip(f'{tool} is not installed (package mariadb-server)')
        else:
            options = (f'--ssl-cert={file}', f'--ssl-key={file}', '--require-secure-transport')
            yield stack.enter_context(mariadb.mariadb(*options)).url


@pytest.fixture
def case(make_case: MakeCase, folder: Path) -> Case:
    """A case whose source may be any of the server's names, and its certificates in the folder."""
    found = make_case('')
    for each in folder.iterdir():
        shutil.copy(each, found.folder)
    certified(found.folder, 'other')
    return found


def plan(case: Case, url: str, host: str, **options: str) -> int:
    """Return how many tables a source has, by that name of its host and with those options."""
    given = '&'.join(f'{name}={value}' for name, value in options.items())
    case.source = re.sub(r'@[^:]*:', f'@{host}:', url) + f'?{given}'
    ends = replace(case.ends, reach=Reach.of(HOSTS, [case.folder]))
    return len(planning.plan(ends).tables)


@pytest.mark.parametrize(
    ('host', 'mode'),
    [(HOSTS[0], 'verify-full'), (HOSTS[1], 'verify-ca'), (HOSTS[1], 'require')],
)
def test_trusted(case: Case, url: str, host: str, mode: str) -> None:
    """A server with a certificate of the named authority is read from."""
    root = str(case.folder / 'localhost.pem')
    assert plan(case, url, host, sslmode=mode, sslrootcert=root) == 0


def test_encrypted(case: Case, url: str) -> None:
    """Who only wants TLS gets it, whoever has signed the certificate."""
    assert plan(case, url, HOSTS[1], sslmode='require') == 0


@pytest.mark.parametrize(
    ('host', 'mode', 'root'),
    [
        pytest.param(HOSTS[1], 'verify-full', 'localhost', id='another host'),
        pytest.param(HOSTS[0], 'verify-full', 'other', id='another authority'),
        pytest.param(HOSTS[0], 'verify-ca', 'other', id='another authority, any host'),
        pytest.param(HOSTS[0], 'require', 'other', id='another authority, not asked for'),
    ],
)
def test_not_trusted(case: Case, url: str, host: str, mode: str, root: str) -> None:
    """A server that may be another one is not spoken to."""
    with pytest.raises(errors.TlsError, match='certificate'):
        plan(case, url, host, sslmode=mode, sslrootcert=str(case.folder / f'{root}.pem'))
