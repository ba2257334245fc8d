"""The tokens that callers are known by: the file, its changes, and how a token is made."""

from __future__ import annotations

import logging
import os
from hashlib import sha256
from pathlib import Path

import pytest

from settings import Settings, SettingsError
from web import tokens
from web.identity import ROLES, Caller
from web.tokens import Tokens, digest

ANNA = f'anna user {digest("annas")}\n'
BEN = f'ben reader {digest("bens")} one,two\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / 'tokens'
    made.write_text(ANNA)
    return made


def named(file: Path, token: str = '') -> Tokens:
    return Tokens(Settings(api_tokens_file=str(file), api_token=token))


def test_line() -> None:
    """A line names a caller, their role, the SHA-256 of the token, and the programs if not all."""
    [anna, ben] = tokens.parse(['# ours', '', ANNA, f'  {BEN.strip()}\t# two of them'])
    assert anna == (sha256(b'annas').hexdigest(), Caller('anna', 'user', None))
    assert ben.caller == Caller('ben', 'reader', frozenset({'one', 'two'}))


@pytest.mark.parametrize(
    ('line', 'reason'),
    [
        ('anna user', 'must be NAME ROLE SHA256'),
        (f'{ANNA.strip()} one two', 'must be NAME ROLE SHA256'),
        (f'Anna user {digest("a")}', "'Anna' is no name"),
        (f'-a user {digest("a")}', "'-a' is no name"),
        (f'a@b user {digest("a")}', "'a@b' is no name"),
        (f'anna User {digest("a")}', "'User' is no role: reader, user, operator"),
        (f'anna root {digest("a")}', "'root' is no role"),
        ('anna user annas-own-token', '64 hexadecimal digits'),
        (f'anna user {digest("a")[1:]}', '64 hexadecimal digits'),
        (f'anna user {digest("a").upper()}', '64 hexadecimal digits'),
        (f'anna user {digest("")}', 'no token at all'),
        (f'anna user {digest("a")} one,', "'' is no name"),
        (f'anna user {digest("a")} ../one', "'../one' is no name"),
        (f'ben user {digest("b")}', 'a line already'),
        (f'anna user {digest("bens")}', 'a line already'),
    ],
)
def test_broken_line(tmp_path: Path, line: str, reason: str) -> None:
    """A line that cannot be used is told by its number, without any secret that may be in it."""
    file = tmp_path / 'tokens'
    file.write_text(f'{BEN}\n{line}\n')
    with pytest.raises(SettingsError, match=f'API_TOKENS_FILE={file}, line 3: ') as refused:
        named(file)
    assert reason in str(refused.value)
    assert 'annas-own-token' not in str(refused.value)


@pytest.mark.parametrize('content', [None, b'\xff\xfe'], ids=['missing', 'not UTF-8'])
def test_broken_file(tmp_path: Path, content: bytes | None) -> None:
    """A file that is not there, or is no text, is refused at the start by the setting's name."""
    file = tmp_path / 'tokens'
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=f'API_TOKENS_FILE={file} '):
        named(file)


def test_lookup(file: Path) -> None:
    """A caller is known by the token, and nobody by another one, by none or by its SHA-256."""
    known = named(file)
    assert known.caller('annas') == Caller('anna', 'user')
    for other in ('', 'anna', 'annas2', digest('annas'), '\xfc'):
        assert known.caller(other) is None


def test_sole_token(file: Path) -> None:
    """The token of API_TOKEN is an operator's, beside those of the file or alone."""
    operator = Caller('operator', 'operator')
    assert Tokens(Settings(api_token='all')).caller('all') == operator
    assert Tokens(Settings(api_token='all')).caller('annas') is None
    both = named(file, 'all')
    assert both.caller('all') == operator
    assert both.caller('annas') == Caller('anna', 'user')


def test_no_tokens(tmp_path: Path) -> None:
    """Without any token everybody is a local operator; with a file that names nobody, nobody is."""
    assert Tokens(Settings()).caller('') == Caller('local', 'operator')
    empty = tmp_path / 'tokens'
    empty.touch()
    assert named(empty).caller('') is None


def test_change(file: Path) -> None:
    """A changed file is in force with the next request: for those in it, and those no longer."""
    known = named(file)
    assert known.caller('bens') is None
    file.write_text(BEN)
    assert known.caller('bens')
    assert known.caller('annas') is None
    other = file.with_name('other')
    other.write_text(ANNA)
    os.replace(other, file)
    assert known.caller('annas')
    assert known.caller('bens') is None


def test_broken_change(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A new version that cannot be used is told once, and the old one stays in force."""
    known = named(file)
    file.write_text('nonsense\n')
    for _ in range(3):
        assert known.caller('annas')
    [told] = caplog.records
    assert (told.levelno, told.getMessage().partition(': ')[0]) == (
        logging.ERROR,
        f'API_TOKENS_FILE={file}, line 1',
    )
    file.unlink()
    for _ in range(3):
        assert known.caller('annas')
    assert len(caplog.records) == 2
    file.write_text(BEN)
    assert known.caller('bens')
    assert known.caller('annas') is None
    assert len(caplog.records) == 2


@pytest.mark.parametrize('programs', [[], ['one'], ['one', 'two']])
def test_made_token(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], programs: list[str]
) -> None:
    """What is printed is a line that the file can take, and on its own the token that it knows."""
    assert tokens.main(['anna', 'operator', *programs]) == 0
    printed = capsys.readouterr()
    file = tmp_path / 'tokens'
    file.write_text(printed.out)
    token = printed.err.strip()
    assert token not in printed.out
    assert len(token) >= 40
    assert named(file).caller(token) == Caller(
        'anna', 'operator', frozenset(programs) if programs else None
    )


def test_made_tokens_differ(capsys: pytest.CaptureFixture[str]) -> None:
    """No two tokens are alike."""
    for _ in range(2):
        tokens.main(['anna', 'user'])
    assert len(set(capsys.readouterr().err.split())) == 2


@pytest.mark.parametrize(
    'arguments', [[], ['anna'], ['anna', 'root'], ['An na', 'user'], ['anna', 'user', '../one']]
)
def test_no_token_for_a_broken_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """No token is made for what would be no line of the file."""
    with pytest.raises(SystemExit, match='2'):
        tokens.main(arguments)
    assert not capsys.readouterr().out


@pytest.mark.parametrize('role', ROLES)
def test_roles_are_ordered(role: str) -> None:
    """A role may do what it and those before it may, and nothing that needs a later one."""
    position = ROLES.index(role)
    assert [Caller('a', role).may(each) for each in ROLES] == [
        index <= position for index in range(len(ROLES))
    ]


def test_programs() -> None:
    """A caller may use all programs, or those that they are limited to."""
    assert Caller('a', 'user').may_use('one')
    limited = Caller('a', 'operator', frozenset({'one'}))
    assert (limited.may_use('one'), limited.may_use('two')) == (True, False)
