"""The parts that need no engine."""

from __future__ import annotations

import os
import pwd
import time
from pathlib import Path

import pytest

from warm_pulumi import deadlines, environment, programs, providers
from warm_pulumi.output import OutputStream


def read_all(*chunks: bytes) -> tuple[list[str], str]:
    """What a callback sees and what is kept of a stream that arrives in these chunks."""
    read, write = os.pipe()
    seen: list[str] = []
    stream = OutputStream(read, seen.append)
    for chunk in chunks:
        os.write(write, chunk)
        assert stream.read()
    os.close(write)
    assert not stream.read()
    os.close(read)
    text = stream.text()
    return seen, text


@pytest.mark.parametrize(
    ('chunks', 'lines'),
    [
        pytest.param([b'one\ntwo\n'], ['one', 'two'], id='whole-lines'),
        pytest.param([b'on', b'e\ntw', b'o'], ['one', 'two'], id='broken-lines'),
        pytest.param([b'\xc3', b'\xa9\n'], ['é'], id='broken-character'),
        pytest.param([b'\xff\n'], ['\ufffd'], id='no-character'),
        pytest.param([b'a\rb\r\n'], ['a', 'b'], id='carriage-returns'),
        pytest.param([b'  kept  \n\n'], ['  kept', ''], id='trailing-space'),
    ],
)
def test_output_becomes_lines(chunks: list[bytes], lines: list[str]) -> None:
    """Output arrives as the lines that the SDK makes of it, however it is cut."""
    assert read_all(*chunks) == (lines, '\n'.join(lines))


def test_earlier_deadline_holds() -> None:
    """Of nested deadlines and a timeout the earliest counts."""
    with deadlines.deadline(100), deadlines.deadline(1000):
        assert deadlines.remaining(deadlines.for_command(None)) == pytest.approx(100, abs=5)
        assert deadlines.remaining(deadlines.for_command(10)) == pytest.approx(10, abs=5)
    assert deadlines.for_command(None) is None


def test_passed_deadline_leaves_nothing() -> None:
    """No time is left after a deadline, and never less than none."""
    assert deadlines.remaining(time.monotonic() - 1) == 0


@pytest.mark.parametrize(
    ('args', 'runs'),
    [
        pytest.param(['--non-interactive', 'up', '--yes'], True, id='up'),
        pytest.param(['destroy'], True, id='destroy'),
        pytest.param(['stack', 'ls'], False, id='stack'),
        pytest.param(['up', '--client=127.0.0.1:1'], False, id='inline'),
        pytest.param(['up', '--policy-pack', 'folder'], False, id='policy-pack'),
    ],
)
def test_which_commands_run_the_program(args: list[str], runs: bool) -> None:
    """The program host is for commands that run a local program in their own directory."""
    assert programs.runs_local_program(args) is runs


@pytest.mark.parametrize(
    ('runtime', 'found'),
    [
        pytest.param('{name: python, options: {virtualenv: venv}}', 'venv', id='virtualenv'),
        pytest.param('{name: python, options: {virtualenv: no-such}}', None, id='missing'),
        pytest.param('{name: python, options: {toolchain: poetry}}', None, id='toolchain'),
        pytest.param('{name: python, options: {typechecker: mypy}}', None, id='typechecker'),
        pytest.param('python', 'path', id='none'),
        pytest.param('nodejs', None, id='other-language'),
    ],
)
def test_interpreter(tmp_path: Path, runtime: str, found: str | None) -> None:
    """The interpreter is that of the virtualenv option, else the first on the command's PATH."""
    pythons = {'venv': tmp_path / 'venv/bin/python', 'path': tmp_path / 'path/python3'}
    for python in pythons.values():
        python.parent.mkdir(parents=True)
        python.touch(mode=0o755)
    (tmp_path / 'Pulumi.yaml').write_text(f'name: project\nruntime: {runtime}\n')
    (tmp_path / 'below').mkdir()
    interpreter = programs.interpreter(
        str(tmp_path / 'below'), {'PATH': str(pythons['path'].parent)}
    )
    assert interpreter == (found and str(pythons[found]))


def test_provider_on_the_path_comes_first(tmp_path: Path) -> None:
    """A provider is taken from the PATH, unless that is not wanted, else the latest installed."""
    on_path = tmp_path / 'bin' / 'pulumi-resource-some'
    folders = [
        tmp_path / 'plugins' / f'resource-some-v{version}' for version in ('2.9.0', '2.10.0')
    ]
    installed = [folder / 'pulumi-resource-some' for folder in folders]
    for file in (on_path, *installed):
        file.parent.mkdir(parents=True)
        file.touch(mode=0o755)
    env = {'PATH': str(on_path.parent), 'PULUMI_HOME': str(tmp_path)}
    assert providers.find('some', env) == str(on_path)
    env['PULUMI_IGNORE_AMBIENT_PLUGINS'] = 'true'
    assert providers.find('some', env) == str(installed[1])
    assert providers.find('other', env) is None


def test_home_of_providers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine looks where the list of users says, and in HOME for one who is not there."""
    users = {4711: pwd.struct_passwd(('u', 'x', 4711, 4711, '', str(tmp_path / 'listed'), ''))}
    monkeypatch.setattr(pwd, 'getpwuid', users.__getitem__)
    found = {}
    for name in ('listed', 'home'):
        plugins = tmp_path / name / '.pulumi' / 'plugins'
        found[name] = plugins / 'resource-some-v1.0.0' / 'pulumi-resource-some'
        found[name].parent.mkdir(parents=True)
        found[name].touch(mode=0o755)
    env = {'PATH': '', 'HOME': str(tmp_path / 'home')}
    for uid, name in ((4711, 'listed'), (4712, 'home')):
        monkeypatch.setattr(os, 'getuid', lambda uid=uid: uid)
        assert providers.find('some', env) == str(found[name])


@pytest.mark.parametrize(
    ('uid', 'given', 'user'),
    [
        pytest.param(4711, {}, '4711', id='not listed'),
        pytest.param(4711, {'USER': 'app'}, 'app', id='not listed, but named'),
        pytest.param(4712, {}, None, id='listed'),
    ],
)
def test_user_who_is_not_listed(
    monkeypatch: pytest.MonkeyPatch, uid: int, given: dict[str, str], user: str | None
) -> None:
    """A user whom the list of users does not have gets the name that the CLI needs."""
    users = {4712: pwd.struct_passwd(('u', 'x', 4712, 4712, '', '/', ''))}
    monkeypatch.setattr(pwd, 'getpwuid', users.__getitem__)
    monkeypatch.setattr(os, 'getuid', lambda: uid)
    assert environment.for_cli('pulumi', given, {}).get('USER') == user


def test_variables_bound_at_the_start() -> None:
    """Credentials and proxies need another engine when they change, PULUMI_ variables do not."""
    env = {'AWS_PROFILE': 'a', 'https_proxy': 'b', 'PULUMI_BACKEND_URL': 'c', 'OTHER': 'd'}
    assert environment.bound_by_engine(env) == {'AWS_PROFILE': 'a', 'https_proxy': 'b'}
