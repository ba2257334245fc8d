"""Which databases URLs name, and which of them may be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrations.errors import BY_NAME, MigrationError, NotAllowedError
from migrations.places import Place, Reach, parse

SECRET = 'p@ss/w:rd'
URL = 'postgresql://me:p%40ss%2Fw%3Ard@db.example.org:5433/a%20b?sslmode=require'


def test_url() -> None:
    """A URL is taken apart and put together again, with what has to be escaped."""
    place = parse(URL)
    assert (place.host, place.port, place.database) == ('db.example.org', 5433, 'a b')
    assert (place.user, place.password) == ('me', SECRET)
    assert parse(place.url) == place
    assert parse(parse('mysql://me:p%40@[::1]/d').url) == parse('mariadb://me:p%40@[::1]:3306/d')
    assert parse(parse('sqlite:///a%20b/c%3F.db').url).database == '/a b/c?.db'


def test_password_is_not_shown() -> None:
    """Neither the text of a place nor what it scrubs has the password."""
    place = parse(URL)
    assert SECRET not in str(place)
    assert SECRET not in repr(place)
    assert place.scrubbed(f'a {SECRET} b p%40ss%2Fw%3Ard') == 'a *** b ***'


@pytest.mark.parametrize(
    'url',
    [
        '',
        'nothing',
        'oracle://h/d',
        'postgresql://h:port/secret',
        'postgresql://h',
        'postgresql:///secret',
        'postgresql://a,b/secret',
        'postgresql://h/secret?host=elsewhere',
        'postgresql://h:12/x?secret@elsewhere/x',
        'postgresql://h/secret?hostaddr=10.0.0.1',
        'postgresql://h/secret?service=x',
        'postgresql://h/secret?options=-crow_security%3Don',
        'postgresql://h/secret?sslmode=perhaps',
        'mysql://h/secret?unix_socket=/x',
        'sqlite://relative.db',
        'sqlite:///x.db?mode=rwc',
    ],
)
def test_url_that_is_none(url: str) -> None:
    """What leads elsewhere or sets more than it may is refused, and not repeated."""
    with pytest.raises(MigrationError) as found:
        parse(url)
    assert 'secret' not in str(found.value)


def test_reach(tmp_path: Path) -> None:
    """Hosts are allowed with any port or one; files in a folder, wherever links lead."""
    reach = Reach.of(['a', 'b:5433'], [tmp_path / 'in'])
    (tmp_path / 'in').mkdir()
    (tmp_path / 'in' / 'link').symlink_to(tmp_path)
    for url in ('postgresql://a/d', 'mysql://a/d', 'postgresql://b:5433/d'):
        reach.insist_on(parse(url))
    reach.insist_on(Place('sqlite', f'{tmp_path}/in/file.db'))
    for url in (
        *('postgresql://b/d', 'postgresql://c/d', f'sqlite://{tmp_path}/file.db'),
        *(f'sqlite://{tmp_path}/in/../file.db', f'sqlite://{tmp_path}/in/link/file.db'),
        'postgresql://a/d?sslrootcert=/etc/passwd',
    ):
        with pytest.raises(NotAllowedError):
            reach.insist_on(parse(url))


def test_exit_codes() -> None:
    """Each kind of error has an exit code of its own."""
    codes = [each.exit_code for each in BY_NAME.values()]
    assert len(codes) == len(set(codes))
