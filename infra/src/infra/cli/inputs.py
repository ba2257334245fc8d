"""Inputs from the command line, from files, from stdin and from a hidden question."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from infra.cli import asking, schemas
from infra.cli.context import Context
from infra.records import Json

BOOLEANS = {'true': True, 'false': False}
STDIN = '-'


def gathered(
    context: Context,
    schema: Json,
    pairs: Sequence[str],
    file: str | None,
    secrets: Sequence[str],
) -> Json:
    """Return all inputs that were given; what names one by one counts before the file.

    schema: what the program takes, as the service says it.

    Raises UsageError, which has no value of a secret in it.
    """
    found = _of_file(file) if file else {}
    found |= dict(_pair(schema, each) for each in pairs)
    found |= dict(_secret(context, schema, each) for each in secrets)
    for name in found:
        _property(schema, name)
    return found


def _pair(schema: Json, given: str) -> tuple[str, Any]:
    name, equals, value = given.partition('=')
    if not equals:
        raise click.UsageError(f'An input is given as KEY=VALUE, not as {given!r}.')
    about = _property(schema, name)
    if value.startswith('@'):
        return name, _typed(name, _text(value[1:]), about)
    if about.get('writeOnly'):
        raise click.UsageError(
            f'{name} is secret, and a command line can be seen by others. Use --secret {name}, '
            f'which asks for it, --secret {name}=@FILE, or --secret {name}=- for stdin.'
        )
    return name, _typed(name, value, about)


def _secret(context: Context, schema: Json, given: str) -> tuple[str, Any]:
    name, equals, source = given.partition('=')
    about = _property(schema, name)
    if not equals:
        asking.insist_on_terminal(context, f'give --secret {name}=@FILE or --secret {name}=-')
        value = asking.hidden(f'{name}: ')
    elif source == STDIN:
        value = _stdin()
    elif source.startswith('@'):
        value = _text(source[1:])
    else:
        raise click.UsageError(
            f'The value of {name} must not be in the command line, where others can see it. Give '
            f'--secret {name}, --secret {name}=@FILE or --secret {name}=-'
        )
    return name, _typed(name, value.removesuffix('\n').removesuffix('\r'), about)


def _property(schema: Json, name: str) -> Json:
    known = schemas.properties(schema)
    if name not in known:
        names = ', '.join(known) or 'none'
        raise click.UsageError(f'The program has no input {name!r}. Its inputs: {names}.')
    return known[name]


def _typed(name: str, text: str, about: Mapping[str, Any]) -> Any:
    """Return a text as what its type says.

    Raises UsageError; for a secret as well, so its words have no part of the value.
    """
    kind = about.get('type')
    read, like = READERS.get(kind if isinstance(kind, str) else '', (str, ''))
    try:
        return read(text)
    except (ValueError, KeyError, RecursionError):
        raise click.UsageError(f'{name} must be {like}.') from None


def _array(text: str) -> Any:
    return _json_as(list, text)


def _object(text: str) -> Any:
    return _json_as(dict, text)


def _json_as(kind: type, text: str) -> Any:
    found = _json(text)
    if not isinstance(found, kind):
        raise ValueError
    return found


def _json(text: str) -> Any:
    return json.loads(text, parse_constant=_refused)


def _refused(word: str) -> Any:
    # Python takes NaN and the infinities for JSON; nobody else does.
    raise ValueError(f'{word} is no JSON')


READERS: dict[str, tuple[Callable[[str], Any], str]] = {
    'integer': (int, 'a whole number'),
    'boolean': (BOOLEANS.__getitem__, 'true or false'),
    'array': (_array, 'a list as JSON has it, such as ["a", "b"]'),
    'object': (_object, 'an object as JSON has it, such as {"a": 1}'),
}


def _of_file(name: str) -> Json:
    text = _text(name)
    is_yaml = Path(name).suffix in ('.yaml', '.yml')
    try:
        found = _yaml(text) if is_yaml else _json(text)
        # Also what JSON does not have, such as the dates of YAML.
        json.dumps(found, allow_nan=False)
    except (ValueError, RecursionError) as error:
        kind = 'YAML' if is_yaml else 'JSON'
        raise click.UsageError(f'{name} is no {kind}: {error}') from error
    except TypeError as error:
        raise click.UsageError(
            f'{name} has a value that JSON has not; put it in quotes.'
        ) from error
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise click.UsageError(f'{name} must have names of inputs, each with its value.')
    return found


def _yaml(text: str) -> Any:
    # Only with the extra `yaml`: most have no use for it.
    try:
        import yaml
    except ImportError:
        raise click.UsageError(
            "YAML takes another package: pip install 'infra-client[yaml]'. JSON takes none."
        ) from None
    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        # Its own words show the line, which may be that of a secret.
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ValueError(f'see line {line}') from None
    except yaml.YAMLError:
        raise ValueError('it has characters that no text has') from None


def _text(name: str) -> str:
    try:
        return Path(name).read_text('utf-8')
    except UnicodeDecodeError as error:
        raise click.UsageError(f'{name} is no text in UTF-8.') from error
    except OSError as error:
        raise click.UsageError(f'{name} cannot be read: {error.strerror}.') from error


def _stdin() -> str:
    if sys.stdin is None:
        raise click.UsageError('There is nothing on stdin: it is closed.')
    try:
        return sys.stdin.buffer.read().decode('utf-8')
    except UnicodeDecodeError as error:
        raise click.UsageError('What is on stdin is no text in UTF-8.') from error
