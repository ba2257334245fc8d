"""Inputs: from words of the command line to values of the program's types."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from infra.cli import inputs
from infra.cli.context import Context
from tests.infra import said

SCHEMA: dict[str, Any] = said.program()['inputs']


def gathered(*pairs: str, file: str | None = None, secrets: tuple[str, ...] = ()) -> dict[str, Any]:
    return inputs.gathered(Context(), SCHEMA, pairs, file, secrets)


@pytest.mark.parametrize(
    ('given', 'value'),
    [
        ('size=12', 12),
        ('size=-1', -1),
        ('big=true', True),
        ('big=false', False),
        ('names=["a", "b"]', ['a', 'b']),
        ('tags={"a": {"b": 1}}', {'a': {'b': 1}}),
        ('text=12', '12'),
        ('text=true', 'true'),
        ('text=', ''),
        ('text=a=b', 'a=b'),
        ('text={"a": 1}', '{"a": 1}'),
    ],
)
def test_types(given: str, value: Any) -> None:
    """A value is of the type that the program has for it; strings are as they are."""
    found = gathered(given)
    assert found == {given.partition('=')[0]: value}
    assert type(next(iter(found.values()))) is type(value)


@pytest.mark.parametrize(
    ('given', 'words'),
    [
        ('size=large', 'size must be a whole number'),
        ('size=1.5', 'size must be a whole number'),
        ('big=yes', 'big must be true or false'),
        ('names=a,b', r'names must be a list as JSON has it, such as \["a", "b"\]'),
        ('names={"a": 1}', 'names must be a list'),
        ('names=[NaN]', 'names must be a list'),
        ('tags=[]', 'tags must be an object'),
        ('names=' + '[' * 100_000, 'names must be a list'),
        ('sise=1', "no input 'sise'. Its inputs: names, size, big, tags, text, token"),
        ('size', 'KEY=VALUE'),
        ('text=@/does/not/exist', '/does/not/exist cannot be read'),
    ],
)
def test_refused(given: str, words: str) -> None:
    """What does not fit its type, or is no input, is told in words."""
    with pytest.raises(click.UsageError, match=words):
        gathered(given)


def test_value_of_a_file(tmp_path: Path) -> None:
    """A value may be in a file, and is of its type there, too."""
    (tmp_path / 'page').write_text('<h1>é</h1>\n', 'utf-8')
    (tmp_path / 'names').write_text('["a"]\n')
    found = gathered(f'text=@{tmp_path}/page', f'names=@{tmp_path}/names')
    assert found == {'text': '<h1>é</h1>\n', 'names': ['a']}


def test_file(tmp_path: Path) -> None:
    """A file has many inputs at once; what is named one by one counts before it."""
    file = tmp_path / 'in.json'
    file.write_text(json.dumps({'size': 1, 'text': 'bye', 'token': 'planted'}))
    assert gathered('size=2', file=str(file)) == {'size': 2, 'text': 'bye', 'token': 'planted'}


def test_yaml(tmp_path: Path) -> None:
    """A file may be YAML."""
    file = tmp_path / 'in.yaml'
    file.write_text('size: 1\nnames:\n  - a\n')
    assert gathered(file=str(file)) == {'size': 1, 'names': ['a']}


@pytest.mark.parametrize(
    ('name', 'content', 'words'),
    [
        ('in.json', 'planted', 'is no JSON'),
        ('in.json', '[1]', 'must have names of inputs'),
        ('in.json', '{"size": NaN}', 'is no JSON'),
        ('in.json', '{"sise": 1}', "no input 'sise'"),
        ('in.yaml', 'token: "planted', 'is no YAML: see line 1'),
        ('in.yaml', 'text: 2020-01-01', 'put it in quotes'),
        ('in.yaml', '1: a', 'must have names of inputs'),
        ('in.yaml', 'a: \x01', 'is no YAML'),
        ('in.yaml', '', 'must have names of inputs'),
    ],
)
def test_broken_files(tmp_path: Path, name: str, content: str, words: str) -> None:
    """A file that cannot be used is told by its name, without its values."""
    file = tmp_path / name
    file.write_text(content)
    with pytest.raises(click.UsageError, match=words) as caught:
        gathered(file=str(file))
    assert 'planted' not in str(caught.value)


def test_secret_in_the_command_line() -> None:
    """A secret is refused where others could see it, in words that do not have it."""
    for given in ({'pairs': ('token=planted',)}, {'secrets': ('token=planted',)}):
        with pytest.raises(click.UsageError, match='--secret token=@FILE') as caught:
            gathered(*given.get('pairs', ()), secrets=given.get('secrets', ()))
        assert 'planted' not in str(caught.value)


def test_secret_of_a_file(tmp_path: Path) -> None:
    """A secret is a file's text without the line break at its end."""
    file = tmp_path / 'secret'
    file.write_text('planted\n\n')
    assert gathered(secrets=(f'token=@{file}',)) == {'token': 'planted\n'}


def test_secret_of_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret may come through a pipe."""
    monkeypatch.setattr(sys, 'stdin', io.TextIOWrapper(io.BytesIO('plänted\r\n'.encode())))
    assert gathered(secrets=('token=-',)) == {'token': 'plänted'}


@pytest.mark.parametrize('stdin', [None, io.TextIOWrapper(io.BytesIO(b'\xff'))])
def test_no_secret_on_stdin(monkeypatch: pytest.MonkeyPatch, stdin: Any) -> None:
    """Where stdin is closed, or has no text, that is told."""
    monkeypatch.setattr(sys, 'stdin', stdin)
    with pytest.raises(click.UsageError, match='stdin'):
        gathered(secrets=('token=-',))


def test_secret_asked_for_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret is not asked for where nobody can answer."""
    monkeypatch.setattr(sys, 'stdin', io.TextIOWrapper(io.BytesIO(b'')))
    with pytest.raises(click.UsageError, match='no terminal'):
        gathered(secrets=('token',))
