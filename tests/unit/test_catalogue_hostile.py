"""The catalogue and folders that are broken in odd ways, or made to do harm."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stacks import programs
from stacks.catalogue import Catalogue
from tests.folders import write

LIMIT = 20
TEXT = {'type': 'string'}


@pytest.fixture(autouse=True)
def _deadline() -> Iterator[None]:
    """Fail a test that takes long; a pattern that is being matched heeds a signal alone."""
    before = signal.signal(signal.SIGALRM, lambda *_: pytest.fail('it takes too long'))
    signal.alarm(LIMIT)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def reason(folder: Path) -> str:
    """Return why a folder cannot be used, and insist that this stops no other, nor an answer."""
    sound = write(folder.parent / 'sound', name='sound')
    found = Catalogue([sound, folder], []).programs()
    json.dumps([vars(each) for each in found], allow_nan=False, default=str).encode()
    reasons = {each.folder: each.reason for each in found}
    assert reasons[sound] == ''
    assert str(folder.parent) not in reasons[folder]
    return reasons[folder]


def nested(depth: int, name: str = 'not') -> Any:
    """Return a schema within a schema within a schema."""
    schema: Any = {}
    for _ in range(depth):
        schema = {name: schema}
    return schema


@pytest.mark.parametrize(
    ('name', 'content', 'told'),
    [
        pytest.param('Pulumi.yaml', 'a: [\n\n}', 'cannot be read: line 3: ', id='line'),
        pytest.param('Pulumi.yaml', 'a: "\\', 'cannot be read: line 1: ', id='no end'),
        pytest.param('Pulumi.yaml', 'a: \0', 'cannot be read: unacceptable', id='null'),
        pytest.param('Pulumi.yaml', 'a: &b 1\nc: *b', 'line 2: aliases cannot', id='alias'),
        pytest.param('Pulumi.yaml', 'a: ' + '[' * 800, 'more than 20 levels', id='deep'),
        pytest.param('Pulumi.yaml', 'a: ' + '9' * 5000, 'that cannot be read', id='long number'),
        pytest.param('Pulumi.yaml', 'a: 2026-13-45', 'that cannot be read', id='no date'),
        pytest.param('Pulumi.yaml', 'a: !!bool x', 'that cannot be read', id='no boolean'),
        pytest.param('Pulumi.yaml', 'a: !!python/name:os.x y', 'line 1: could not', id='tag'),
        pytest.param('Pulumi.yaml', 'a: [' + '1,' * 1001 + ']', 'more than 1000', id='long list'),
        pytest.param('Pulumi.yaml', b'\xff', 'must be UTF-8 text', id='no UTF-8'),
        pytest.param('Pulumi.yaml', '#' * 70_000, 'at most 64 KiB', id='large'),
        pytest.param('inputs.schema.json', '[' * 5000, 'more than 20 levels', id='deep JSON'),
        pytest.param('inputs.schema.json', '9' * 5000, 'cannot be read', id='long JSON number'),
        pytest.param('inputs.schema.json', '{"a": 1e400}', 'must be plain JSON', id='infinity'),
        pytest.param('inputs.schema.json', '{"a": NaN}', 'must be plain JSON', id='NaN'),
        pytest.param('inputs.schema.json', '"\\ud800"', 'must be plain JSON', id='surrogate'),
    ],
)
def test_content(tmp_path: Path, name: str, content: str | bytes, told: str) -> None:
    """A file whose content no program can have is named, with what is wrong in it."""
    folder = write(tmp_path / 'bad', {})
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    assert reason(folder).startswith(name)
    assert told in reason(folder)


@pytest.mark.parametrize('name', ['Pulumi.yaml', 'inputs.schema.json', 'requirements.txt'])
def test_no_file(tmp_path: Path, name: str) -> None:
    """What is there in place of a file is not waited for, not read, and a reason."""
    folder = write(tmp_path / 'bad', {})
    file = folder / name
    file.unlink()
    os.mkfifo(file)
    assert reason(folder) == f'{name} must be a regular file'
    file.unlink()
    file.mkdir()
    assert reason(folder) == f'{name} cannot be read: Is a directory'
    file.rmdir()
    for target, told in (
        ('/dev/full', 'must be a regular file'),
        (name, 'cannot be read: Too many levels of symbolic links'),
        ('none', 'is missing'),
    ):
        file.symlink_to(target)
        assert reason(folder) == f'{name} {told}'
        file.unlink()


def test_slow_pattern(tmp_path: Path) -> None:
    """A pattern that takes for ever is matched by nothing that only looks at the catalogue."""
    config = {'a': {**TEXT, 'default': 'a' * 39 + '!'}}
    extra = {'a': {'pattern': '^(a+)+$'}}
    assert reason(write(tmp_path / 'slow', {'properties': extra}, config=config)) == ''


@pytest.mark.parametrize(
    ('extra', 'told'),
    [
        pytest.param({'$ref': '#/$defs/b'}, '$ref cannot be used', id='no such rule'),
        pytest.param({'$ref': '#'}, '$ref cannot be used', id='circle'),
        pytest.param({'not': {'$dynamicRef': '#b'}}, '$dynamicRef cannot be used', id='dynamic'),
        pytest.param({'allOf': [{'$id': 'b'}]}, '$id cannot be used', id='id'),
        pytest.param({'unevaluatedItems': False}, 'unevaluatedItems cannot', id='unevaluated'),
        pytest.param(nested(200), 'more than 20 levels', id='deep'),
        pytest.param({'enum': list(range(1001))}, 'more than 1000 entries', id='long choice'),
        pytest.param({'pattern': 'a{99999999999999999999}'}, 'a number in it', id='overflow'),
        pytest.param({'pattern': '(' * 5000 + ')' * 5000}, 'it is too deep', id='deep pattern'),
        pytest.param(True, 'a must have keys', id='true'),
    ],
)
def test_rules(tmp_path: Path, extra: Any, told: str) -> None:
    """Rules that cannot be checked in a moment, or at all, are refused by name."""
    config = {'a': {**TEXT, 'default': 'x'}}
    found = reason(write(tmp_path / 'bad', {'properties': {'a': extra}}, config=config))
    assert found.startswith('inputs.schema.json: ')
    assert told in found


@pytest.mark.parametrize(
    ('items', 'told'),
    [
        (True, 'items of a must have keys'),
        ({'type': 'integer'}, 'type of items of a is declared in Pulumi.yaml'),
        ({'items': {'type': 'integer'}}, 'type of items of each entry of a is declared'),
    ],
)
def test_items(tmp_path: Path, items: Any, told: str) -> None:
    """The type of an array's entries is declared once, however deep it is."""
    config = {'a': {'type': 'array', 'items': {'type': 'array', 'items': TEXT}, 'default': [['x']]}}
    folder = write(tmp_path / 'bad', {'properties': {'a': {'items': items}}}, config=config)
    assert told in reason(folder)


@pytest.mark.parametrize(
    'default',
    ['2026-01-01', '!!binary aGk=', '!!set {a}', '{2026-01-01: a}', '.nan', '.inf', '"\\ud800"'],
)
def test_no_json(tmp_path: Path, default: str) -> None:
    """A default that JSON does not have is a reason that names its input."""
    folder = write(tmp_path / 'bad')
    with (folder / 'Pulumi.yaml').open('a') as file:
        file.write(f'config: {{size: {{type: object, default: {default}}}}}\n')
    assert reason(folder).startswith('Pulumi.yaml: the default of size must be plain JSON')


@pytest.mark.parametrize('name', ['title', 'description'])
def test_no_unicode(tmp_path: Path, name: str) -> None:
    """Text that cannot be sent is a reason, in whatever place it is."""
    project = {'title': {'template': {'displayName': '\ud800'}}}.get(name, {name: '\ud800'})
    assert reason(write(tmp_path / 'bad', **project)).startswith('Pulumi.yaml must be plain JSON')


def test_large_number(tmp_path: Path) -> None:
    """A default too large for its limits is a reason."""
    extra = {'a': {'multipleOf': 0.5}}
    folder = write(tmp_path / 'bad', {'properties': extra}, config={'a': 10**400})
    assert 'default of a is not allowed' in reason(folder)


@pytest.mark.parametrize(
    ('beside', 'told'),
    [
        ({'required': ['a']}, 'required has no place beside properties'),
        ({'allOf': [{}]}, 'allOf has no place'),
        ({'$defs': {'b': {}}}, '$defs has no place'),
    ],
)
def test_beside_properties(tmp_path: Path, beside: dict[str, Any], told: str) -> None:
    """What the schema file says of no single input is not passed over in silence."""
    assert told in reason(write(tmp_path / 'bad', beside))
    words = {'$schema': 'https://json-schema.org/draft/2020-12/schema', 'title': 'Inputs'}
    assert reason(write(tmp_path / 'good', words, name='good')) == ''


def test_folders(tmp_path: Path) -> None:
    """A folder that cannot be looked into is a reason, and one with an odd name can be told."""
    (tmp_path / 'round').symlink_to('round')
    write(tmp_path / 'fine')
    write(tmp_path / os.fsdecode(b'\xff'), name='odd')
    found = {each.name: each.reason for each in Catalogue([], [tmp_path]).programs()}
    assert found == {
        'token': '',
        '\\udcff': 'the path of its folder must be UTF-8',
        'round': 'Pulumi.yaml cannot be read: Too many levels of symbolic links',
    }
    assert Catalogue([tmp_path / 'fine'], [tmp_path / 'round']).program('token')


def test_links_and_pipes(tmp_path: Path) -> None:
    """A link counts as it stands, wherever it leads to, and what is no file not at all."""
    folder = write(tmp_path / 'a')
    before = programs.digest(folder)
    os.mkfifo(folder / 'pipe')
    assert programs.digest(folder) == before
    seen = {before}
    for target in ('.', 'none', '/dev/full', 'pipe', '__main__.py'):
        (folder / 'link').unlink(missing_ok=True)
        (folder / 'link').symlink_to(target)
        seen.add(programs.digest(folder))
    os.rename(folder / 'link', folder / os.fsdecode(b'\xff'))
    seen.add(programs.digest(folder))
    assert len(seen) == 7


def test_unforeseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody thought of makes one program not available, and is in the log."""
    read = programs.read

    def failing(folder: Path) -> programs.Program:
        if folder.name == 'bad':
            raise MemoryError
        return read(folder)

    monkeypatch.setattr(programs, 'read', failing)
    assert 'the log of the service' in reason(write(tmp_path / 'bad'))
