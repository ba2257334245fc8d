"""What a program takes: one JSON Schema, of what both its files say of each input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import SchemaError

from stacks import flaws
from stacks.program_files import (
    PROJECT_FILE,
    SCHEMA_FILE,
    ProgramError,
    is_there,
    mapping,
    plain,
    read_json,
)

# What Pulumi knows, each a type of JSON Schema too.
TYPES = ('string', 'integer', 'boolean', 'array', 'object')
# Pulumi's settings have no secret whole array or object.
SECRET_TYPES = ('string', 'integer', 'boolean')
# Declared in Pulumi.yaml, and so nowhere else.
DECLARED = {'type', 'default', 'description', 'writeOnly'}
# A known secret's value is replaced wherever it shows; a shorter one would garble all text.
SHORTEST_SECRET = 4
# What the schema file may have beside its inputs: words about itself.
BESIDE = {'$schema', '$comment', 'title', 'description', 'type'}
# Rules elsewhere, which need not be there or lead in a circle; and what takes ever longer to check.
REFUSED = {
    *('$ref', '$dynamicRef', '$recursiveRef', '$id', '$anchor', '$dynamicAnchor', '$schema'),
    *('unevaluatedItems', 'unevaluatedProperties'),
}
# What a default is checked by. A pattern may take for ever, and nobody's request is to blame.
CHECKED = (
    *('type', 'enum', 'const', 'items', 'properties', 'required'),
    *('minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'),
    *('minLength', 'maxLength', 'minItems', 'maxItems'),
)


def read_extra(folder: Path) -> dict[str, Any]:
    """Return what the schema file says of each input, checked; nothing where there is no file.

    Raises ProgramError.
    """
    file = folder / SCHEMA_FILE
    if not is_there(file):
        return {}
    found = read_json(file)
    _check_words(found)
    try:
        Draft202012Validator.check_schema(found)
    except (SchemaError, RecursionError, OverflowError) as error:
        raise ProgramError(f'{SCHEMA_FILE}: {_wrong(error)}') from error
    if others := sorted(mapping(found, SCHEMA_FILE).keys() - BESIDE - {'properties'}):
        raise ProgramError(f'{SCHEMA_FILE}: {others[0]} has no place beside properties')
    properties = found.get('properties', {})
    for name, schema in properties.items():
        if twice := DECLARED & mapping(schema, f'{SCHEMA_FILE}: {name}').keys():
            raise _declared(min(twice), name)
    return dict(properties)


def schema(config: dict[str, Any], project: str, extra: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of all inputs, from both files.

    Raises ProgramError.
    """
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
    found: dict[str, Any] = {'type': kind}
    if 'description' in declared:
        found['description'] = str(declared['description'])
    if kind == 'array':
        found['items'] = _items(name, declared, extra)
        extra = {key: value for key, value in extra.items() if key != 'items'}
    found |= extra
    if _is_secret(name, declared):
        found |= _secret(name, kind, default, extra)
    if default is not None:
        found['default'] = _default(name, default, found)
    return found


def _items(name: str, declared: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    """Return what the entries of an array must be: their declared type, and the rules for them."""
    items = declared.get('items')
    if not isinstance(items, dict) or items.get('type') not in TYPES:
        raise ProgramError(f'{PROJECT_FILE}: {name} is an array, so it needs items with a type')
    rules = mapping(extra.get('items'), f'{SCHEMA_FILE}: items of {name}')
    if 'type' in rules:
        raise _declared('type', f'items of {name}')
    found = {'type': items['type'], **rules}
    if items['type'] == 'array':
        found['items'] = _items(f'each entry of {name}', items, rules)
    return found


def _is_secret(name: str, declared: dict[str, Any]) -> bool:
    secret = declared.get('secret', False)
    if not isinstance(secret, bool):
        raise ProgramError(f'{PROJECT_FILE}: secret of {name} must be true or false, unquoted')
    return secret


def _secret(name: str, kind: str, default: Any, extra: dict[str, Any]) -> dict[str, Any]:
    if kind not in SECRET_TYPES:
        raise ProgramError(f'{PROJECT_FILE}: {name} is secret, so it can be no {kind}')
    if default is not None:
        raise ProgramError(f'{PROJECT_FILE}: {name} is secret, so it can have no default')
    if kind != 'string':
        return {'writeOnly': True}
    return {'writeOnly': True, 'minLength': max(SHORTEST_SECRET, extra.get('minLength', 0))}


def _default(name: str, default: Any, rules: dict[str, Any]) -> Any:
    default = plain(default, f'{PROJECT_FILE}: the default of {name}')
    try:
        is_allowed = _OfDefaults(rules).is_valid(default) and not flaws.beyond({name: default})
    except OverflowError:
        # Of a number that is too long for its limits.
        is_allowed = False
    if not is_allowed:
        raise ProgramError(f'{PROJECT_FILE}: the default of {name} is not allowed by its rules')
    return default


def _type_of(default: Any) -> str:
    """Return the type of an input that declares none, as Pulumi takes it from the default."""
    if isinstance(default, bool):
        return 'boolean'
    return 'integer' if isinstance(default, int) else 'string'


def _check_words(value: Any, depth: int = 0) -> None:
    """Refuse what the schema file may not have, wherever it is."""
    if isinstance(value, list):
        for each in value:
            _check_words(each, depth + 1)
    elif isinstance(value, dict):
        if refused := sorted(REFUSED & value.keys() - (BESIDE if not depth else set())):
            raise ProgramError(f'{SCHEMA_FILE}: {refused[0]} cannot be used: leave it out')
        for each in value.values():
            _check_words(each, depth + 1)


def _wrong(error: Exception) -> str:
    if not isinstance(error, SchemaError):
        return 'it is too deep, or a number in it too large'
    where = '/'.join(map(str, error.absolute_path)) or 'it'
    return f'{where} is no JSON Schema: {error.message}'


def _declared(what: str, name: str) -> ProgramError:
    return ProgramError(f'{SCHEMA_FILE}: {what} of {name} is declared in {PROJECT_FILE}')


_OfDefaults = validators.create(
    Draft202012Validator.META_SCHEMA,
    {name: Draft202012Validator.VALIDATORS[name] for name in CHECKED},
    type_checker=Draft202012Validator.TYPE_CHECKER,
)
