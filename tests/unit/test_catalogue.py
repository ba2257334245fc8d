"""The catalogue: what folders say of programs, and what is said of those that cannot be used."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from stacks import programs
from stacks.catalogue import Catalogue
from stacks.program_files import ProgramError
from tests.folders import write
from tests.paths import ROOT


def test_both_files(tmp_path: Path) -> None:
    """A program's schema has what Pulumi.yaml declares and what the schema file adds."""
    config = {
        'region': 'west',
        'names': {'type': 'array', 'items': {'type': 'string'}, 'description': 'Who'},
        'token:key': {'type': 'string', 'secret': True},
        'aws:region': {'value': 'us-west-2'},
        'size': {'type': 'integer', 'default': 2},
    }
    extra = {'size': {'title': 'Size', 'maximum': 9}, 'names': {'items': {'pattern': '^x'}}}
    template = {'displayName': 'Token!', 'metadata': {'category': 'Secrets'}}
    found = programs.read(write(tmp_path, {'properties': extra}, config=config, template=template))
    assert (found.name, found.title, found.category) == ('token', 'Token!', 'Secrets')
    assert found.schema['properties'] == {
        'size': {'type': 'integer', 'title': 'Size', 'maximum': 9, 'default': 2},
        'names': {
            'type': 'array',
            'items': {'type': 'string', 'pattern': '^x'},
            'description': 'Who',
        },
        'region': {'type': 'string', 'default': 'west'},
        'key': {'type': 'string', 'writeOnly': True, 'minLength': 4},
    }
    assert list(found.schema['properties']) == ['size', 'names', 'region', 'key']
    assert found.schema['required'] == ['names', 'key']
    assert found.secrets == {'key'}
    Draft202012Validator.check_schema(found.schema)


def test_secret(tmp_path: Path) -> None:
    """A secret stays one that can be hidden, whatever its rules say."""
    config = {'key': {'type': 'string', 'secret': True}}
    for given, taken in ((0, 4), (9, 9)):
        extra = {'key': {'minLength': given}}
        found = programs.read(write(tmp_path / 'token', {'properties': extra}, config=config))
        assert found.schema['properties']['key']['minLength'] == taken


def test_rules_of_items(tmp_path: Path) -> None:
    """Rules for the entries of arrays in an array leave them their type."""
    config = {'a': {'type': 'array', 'items': {'type': 'array', 'items': {'type': 'string'}}}}
    extra = {'a': {'items': {'maxItems': 2, 'items': {'maxLength': 3}}}}
    found = programs.read(write(tmp_path / 'token', {'properties': extra}, config=config))
    assert found.schema['properties']['a']['items'] == {
        'type': 'array',
        'maxItems': 2,
        'items': {'type': 'string', 'maxLength': 3},
    }


@pytest.mark.parametrize(
    ('project', 'extra', 'reason'),
    [
        ({'name': 'Token'}, {}, 'name must be'),
        ({'name': 7}, {}, 'name must be'),
        ({'runtime': 'nodejs'}, {}, 'runtime must be python'),
        ({'runtime': {'name': 'python', 'options': {'virtualenv': '.env'}}}, {}, 'virtualenv'),
        ({'config': {'a': {'type': 'number'}}}, {}, 'type of a must be one of'),
        ({'config': {'a': {'type': 'array'}}}, {}, 'needs items'),
        ({'config': {'a': {'secret': True, 'default': 'x'}}}, {}, 'a is secret'),
        ({'config': {'a': {'secret': 'false'}}}, {}, 'secret of a must be true or false'),
        ({'config': {'a': 5}}, {'a': {'minimum': 6}}, 'default of a'),
        ({'config': {'a': 2**63}}, {}, 'default of a'),
        ({'config': {'a': {'type': 'integer', 'default': 'x'}}}, {}, 'default of a'),
        ({'config': {'a': 5}}, {'a': {'type': 'integer'}}, 'type of a is declared'),
        ({'config': {'a': 5}}, {'b': {}}, 'b is not in config'),
        ({'config': {'a': 5}}, {'a': {'minimum': 'low'}}, 'a/minimum is no JSON Schema'),
        ({'config': ['a']}, {}, 'config must have'),
    ],
)
def test_not_available(
    tmp_path: Path, project: dict[str, Any], extra: dict[str, Any], reason: str
) -> None:
    """A folder that cannot be used says which file to correct, and why."""
    folder = write(tmp_path, {'properties': extra}, **project)
    with pytest.raises(ProgramError, match=reason):
        programs.read(folder)


@pytest.mark.parametrize(
    ('name', 'content', 'reason'),
    [
        ('Pulumi.yaml', 'a: [', 'Pulumi.yaml cannot be read'),
        ('Pulumi.yaml', '- a', 'must have keys'),
        ('Pulumi.yaml', '', 'name must be'),
        ('inputs.schema.json', '{', 'inputs.schema.json cannot be read'),
        ('inputs.schema.json', '[]', 'is no JSON Schema'),
        ('inputs.schema.json', 'true', 'must have keys'),
        ('requirements.txt', None, 'requirements.txt is missing'),
    ],
)
def test_broken_file(tmp_path: Path, name: str, content: str | None, reason: str) -> None:
    """A file that is broken or missing is a reason, never an error of the catalogue."""
    write(tmp_path / 'fine')
    broken = write(tmp_path / 'broken', name='broken')
    if content is None:
        (broken / name).unlink()
    else:
        (broken / name).write_text(content)
    found = {each.name: each.reason for each in Catalogue([], [tmp_path]).programs()}
    assert found['token'] == ''
    assert reason in found['broken']


def test_changes_show(tmp_path: Path) -> None:
    """New, changed and removed folders show at the next look."""
    catalogue = Catalogue([], [tmp_path / 'none', tmp_path])
    assert catalogue.programs() == []
    write(tmp_path / 'a')
    assert [each.title for each in catalogue.programs()] == ['token']
    write(tmp_path / 'a', template={'displayName': 'Other'})
    assert [each.title for each in catalogue.programs()] == ['Other']
    os.rename(tmp_path / 'a', tmp_path / '.a')
    assert catalogue.program('token') is None


def test_mode_changes(tmp_path: Path) -> None:
    """A program that becomes readable without any other change is read again."""
    folder = write(tmp_path / 'token')
    catalogue = Catalogue([folder], [])
    first = catalogue.program('token')
    assert catalogue.program('token') is first
    (folder / 'Pulumi.yaml').chmod(0o600)
    assert catalogue.program('token') is not first


def test_name_twice(tmp_path: Path) -> None:
    """Of two programs of one name the first counts, and the other says so."""
    for name in ('a', 'b'):
        write(tmp_path / name, description=name)
    first, second = Catalogue([], [tmp_path]).programs()
    assert (first.description, first.reason) == ('a', '')
    assert second.reason == 'Pulumi.yaml: token is the name of the program in a'
    assert second.name == 'token (b)'


def test_broken_name_twice(tmp_path: Path) -> None:
    """A folder that cannot be used takes no name away from a program, however many there are."""
    sound = write(tmp_path / 'z', name='token')
    parents = [tmp_path / 'one', tmp_path / 'two', tmp_path / 'three']
    for parent in parents:
        parent.mkdir()
        write(parent / 'token', name='token', runtime='go')
    catalogue = Catalogue([parent / 'token' for parent in parents], [tmp_path])
    found = {each.name: each.reason for each in catalogue.programs()}
    broken = 'Pulumi.yaml: runtime must be python'
    assert found == {
        'token': '',
        'token (token)': broken,
        'token (token, 2)': broken,
        'token (token, 3)': broken,
    }
    assert getattr(catalogue.program('token'), 'folder', None) == sound


def test_digest(tmp_path: Path) -> None:
    """The digest is of all that the program is made of, and of nothing that is made beside it."""
    folder = write(tmp_path / 'a')
    before = programs.digest(folder)
    for made in ('venv', '.venvs', '__pycache__'):
        (folder / made).mkdir()
        (folder / made / 'file').touch()
    (folder / 'Pulumi.dev.yaml').touch()
    assert programs.digest(folder) == before
    seen = {before}
    (folder / 'lib').mkdir()
    for name, content in (('lib/a.py', ''), ('lib/b.py', ''), ('lib/a.py', 'x')):
        (folder / name).write_text(content)
        seen.add(programs.digest(folder))
    assert len(seen) == 4


def test_our_own() -> None:
    """All programs of this repository are available."""
    found = Catalogue([ROOT / 'burner-program'], [ROOT / 'programs']).programs()
    assert {each.name for each in found} >= {'burner-program', 'passwords'}
    assert [each.reason for each in found if each.reason] == []
    assert all(each.description for each in found)


def test_how_to(tmp_path: Path) -> None:
    """The example of the documentation is a program that is available."""
    text = (ROOT / 'docs' / 'programs.md').read_text()
    example = re.findall(r'`programs/(token/[\w.]+)`(?:.|\n)*?```\w+\n((?:.|\n)*?)```', text)
    assert len(example) == 4
    (tmp_path / 'token').mkdir()
    for name, content in example:
        (tmp_path / name).write_text(content)
    (program,) = Catalogue([], [tmp_path]).programs()
    assert program.reason == ''
    assert program.schema['properties']['team']['enum'] == ['web', 'data']
    assert program.schema['required'] == ['team']
