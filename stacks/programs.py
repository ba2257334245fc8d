"""A program of the catalogue, read from its folder: `Pulumi.yaml` and `inputs.schema.json`.

Each thing is declared once. `Pulumi.yaml` has the name, the description and, under `config:`, each
input's type, default, description and whether it is secret. What Pulumi's own format cannot say of
an input (a title, a choice, limits, a pattern) is in an optional JSON Schema beside it; its order
of inputs is the one that people see.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from settings import NAME

PROJECT_FILE = 'Pulumi.yaml'
SCHEMA_FILE = 'inputs.schema.json'
REQUIREMENTS_FILE = 'requirements.txt'
# What Pulumi knows, each a type of JSON Schema too.
TYPES = ('string', 'integer', 'boolean', 'array', 'object')
# Pulumi's settings have no secret whole array or object.
SECRET_TYPES = ('string', 'integer', 'boolean')
# Declared in Pulumi.yaml, and so nowhere else.
DECLARED = {'type', 'default', 'description', 'writeOnly'}
# A known secret's value is replaced wherever it shows; a shorter one would garble all text.
SHORTEST_SECRET = 4
# Not a part of the program: what is made beside it, and stacks' settings.
MADE = re.compile(r'venv|\.venvs|__pycache__|\.git|Pulumi\.[^/]+\.yaml')


class ProgramError(Exception):
    """A folder is no program that can be used; the message says what to correct."""


@dataclass(frozen=True)
class Program:
    """What a catalogue has to say of a program.

    name: of the Pulumi project.
    schema: a JSON Schema (2020-12) of its inputs, an object.
    reason: why it is not available; empty when it is.
    """

    folder: Path
    name: str
    title: str = ''
    description: str = ''
    category: str = ''
    schema: dict[str, Any] = field(default_factory=dict)
    reason: str = ''

    @property
    def secrets(self) -> frozenset[str]:
        """The names of the inputs that are secret."""
        known = self.schema.get('properties', {})
        return frozenset(name for name, schema in known.items() if schema.get('writeOnly'))


def read(folder: Path) -> Program:
    """Read the program in a folder.

    Raises ProgramError when it cannot be used.
    """
    project = _mapping(_read_yaml(folder / PROJECT_FILE), PROJECT_FILE)
    name = project.get('name')
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ProgramError(f'{PROJECT_FILE}: name must be lower-case letters, digits and dashes')
    _check_runtime(project.get('runtime'))
    if not (folder / REQUIREMENTS_FILE).is_file():
        raise ProgramError(f'{REQUIREMENTS_FILE} is missing')
    template = _mapping(project.get('template'), 'template')
    return Program(
        folder=folder,
        name=name,
        title=str(template.get('displayName') or name),
        description=str(project.get('description') or '').strip(),
        category=str(_mapping(template.get('metadata'), 'template.metadata').get('category', '')),
        schema=_schema(_mapping(project.get('config'), 'config'), name, _read_schema(folder)),
    )


def digest(folder: Path) -> str:
    """Return what changes when the program does: a SHA-256 over its files, in hexadecimal."""
    found = hashlib.sha256()
    for path in sorted(_sources(folder)):
        found.update(f'{path.relative_to(folder).as_posix()}\0'.encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def _sources(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if MADE.fullmatch(path.name):
            continue
        if path.is_dir():
            yield from _sources(path)
        else:
            yield path


def _read_yaml(file: Path) -> Any:
    try:
        return yaml.safe_load(file.read_text())
    except FileNotFoundError:
        raise ProgramError(f'{file.name} is missing') from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ProgramError(f'{file.name} cannot be read: {_first_line(error)}') from error


def _read_schema(folder: Path) -> dict[str, Any]:
    """Return what the schema file says of each input, checked; nothing where there is no file."""
    try:
        found = json.loads((folder / SCHEMA_FILE).read_text())
        Draft202012Validator.check_schema(found)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ProgramError(f'{SCHEMA_FILE} cannot be read: {_first_line(error)}') from error
    except SchemaError as error:
        where = '/'.join(map(str, error.absolute_path)) or 'it'
        raise ProgramError(f'{SCHEMA_FILE}: {where} is no JSON Schema: {error.message}') from error
    properties = _mapping(found, SCHEMA_FILE).get('properties', {})
    for name, schema in properties.items():
        if twice := DECLARED & set(_mapping(schema, name)):
            raise ProgramError(
                f'{SCHEMA_FILE}: {min(twice)} of {name} is declared in {PROJECT_FILE}'
            )
    return dict(properties)


def _check_runtime(runtime: Any) -> None:
    name = runtime.get('name') if isinstance(runtime, dict) else runtime
    if name != 'python':
        raise ProgramError(f'{PROJECT_FILE}: runtime must be python')
    options = _mapping(runtime.get('options') if isinstance(runtime, dict) else None, 'options')
    if options.get('virtualenv', 'venv') != 'venv':
        raise ProgramError(f'{PROJECT_FILE}: virtualenv must be venv, which is made for it')


def _schema(config: dict[str, Any], project: str, extra: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of all inputs, from both files."""
    declared = {str(key).removeprefix(f'{project}:'): given for key, given in config.items()}
    # A key of another namespace, as aws:region, is the program's own business.
    inputs = {name: given for name, given in declared.items() if ':' not in name}
    if unknown := sorted(set(extra) - set(inputs)):
        raise ProgramError(f'{SCHEMA_FILE}: {unknown[0]} is not in config: of {PROJECT_FILE}')
    names = [*extra, *(name for name in inputs if name not in extra)]
    properties = {name: _input(name, inputs[name], extra.get(name, {})) for name in names}
    return {
        '$schema': 'https://json-schema.org/draft/2020-12/schema',
        'type': 'object',
        'properties': properties,
        'required': [name for name in names if 'default' not in properties[name]],
        'additionalProperties': False,
    }


def _input(name: str, given: Any, extra: dict[str, Any]) -> dict[str, Any]:
    # Short form: a value is the default.
    declared = given if isinstance(given, dict) else {'default': given}
    default = declared.get('default', declared.get('value'))
    kind = declared.get('type') or _type_of(default)
    if kind not in TYPES:
        raise ProgramError(f'{PROJECT_FILE}: type of {name} must be one of {", ".join(TYPES)}')
    schema: dict[str, Any] = {'type': kind}
    if 'description' in declared:
        schema['description'] = str(declared['description'])
    extra = dict(extra)
    if kind == 'array':
        schema['items'] = _items(name, declared) | extra.pop('items', {})
    if declared.get('secret'):
        if kind not in SECRET_TYPES:
            raise ProgramError(f'{PROJECT_FILE}: {name} is secret, so it can be no {kind}')
        if default is not None:
            raise ProgramError(f'{PROJECT_FILE}: {name} is secret, so it can have no default')
        schema['writeOnly'] = True
        if kind == 'string':
            schema['minLength'] = SHORTEST_SECRET
    schema |= extra
    if default is not None:
        schema['default'] = default
        if not Draft202012Validator(schema).is_valid(default):
            raise ProgramError(f'{PROJECT_FILE}: the default of {name} is not allowed by its rules')
    return schema


def _items(name: str, declared: dict[str, Any]) -> dict[str, Any]:
    items = declared.get('items')
    if not isinstance(items, dict) or items.get('type') not in TYPES:
        raise ProgramError(f'{PROJECT_FILE}: {name} is an array, so it needs items with a type')
    if items['type'] == 'array':
        return {'type': 'array', 'items': _items(name, items)}
    return {'type': items['type']}


def _type_of(default: Any) -> str:
    """Return the type of an input that declares none, as Pulumi takes it from the default."""
    if isinstance(default, bool):
        return 'boolean'
    return 'integer' if isinstance(default, int) else 'string'


def _mapping(value: Any, name: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ProgramError(f'{name} must have keys and values')
    return value


def _first_line(error: Exception) -> str:
    return str(error).partition('\n')[0]
