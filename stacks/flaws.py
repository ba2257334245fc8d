"""What is wrong with a value, by its JSON Schema: in words for people, without the value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from stacks.errors import Flaw

Path = tuple[str | int, ...]
# Of whole numbers: what Pulumi's settings can carry.
LEAST, MOST = -(2**63), 2**63 - 1


def find(schema: Mapping[str, Any], given: Mapping[str, Any], unknown: str) -> list[Flaw]:
    """Return everything that is wrong, by its place.

    unknown: what is said of a member that the schema does not have.
    """
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    known = schema['properties']
    errors = validator.iter_errors(dict(given))
    # Of what is missing, each is told with all others.
    flaws = {flaw for error in errors for flaw in _flaws(error, known, unknown)}
    return sorted(flaws, key=lambda flaw: flaw.pointer)


def beyond(given: Mapping[str, Any]) -> list[Flaw]:
    """Return where inputs have whole numbers that Pulumi's settings cannot carry."""
    words = f'must be between {LEAST} and {MOST}'
    return [Flaw(pointer(path), words) for path, part in parts(given) if _is_beyond(path, part)]


def parts(given: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """Yield the values of inputs and all that is in them, each with its place."""
    for name, value in given.items():
        yield from _parts((name,), value)


def _parts(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    yield path, value
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _parts((*path, name), part)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _parts((*path, number), part)


def _is_beyond(path: Path, part: Any) -> bool:
    # Only within objects there are numbers that are not whole.
    is_in_object = any(isinstance(step, str) for step in path[1:])
    kinds = int if is_in_object else int | float
    return isinstance(part, kinds) and not LEAST <= part <= MOST


def _flaws(error: ValidationError, known: Mapping[str, Any], unknown: str) -> Iterator[Flaw]:
    path = list(error.absolute_path)
    instance: Any = error.instance
    wanted: Any = error.validator_value
    if error.validator == 'required':
        missing = [name for name in wanted if name not in instance]
        yield from (Flaw(pointer([*path, name]), 'is required') for name in missing)
    elif error.validator == 'additionalProperties' and not path:
        others = [name for name in instance if name not in known]
        yield from (Flaw(pointer([name]), unknown) for name in others)
    else:
        word = WORDS.get(str(error.validator))
        yield Flaw(pointer(path), word(wanted) if word else f'does not fit its {error.validator}')


def pointer(path: Sequence[Any]) -> str:
    """Return the JSON Pointer (RFC 6901) of a place within a value."""
    return ''.join('/' + str(part).replace('~', '~0').replace('/', '~1') for part in path)


def _type(wanted: Any) -> str:
    names = wanted if isinstance(wanted, list) else [wanted]
    return f'must be {" or ".join(map(_with_article, names))}'


def _with_article(name: str) -> str:
    if name == 'null':
        return name
    return f'{"an" if name[0] in "aio" else "a"} {name}'


# In words for people, and without the value, which jsonschema's own messages quote.
WORDS: dict[str, Callable[[Any], str]] = {
    'type': _type,
    'enum': lambda values: f'must be one of {", ".join(map(str, values))}',
    'const': lambda value: f'must be {value}',
    'minimum': lambda limit: f'must be at least {limit}',
    'maximum': lambda limit: f'must be at most {limit}',
    'exclusiveMinimum': lambda limit: f'must be above {limit}',
    'exclusiveMaximum': lambda limit: f'must be below {limit}',
    'multipleOf': lambda number: f'must be a multiple of {number}',
    'minLength': lambda limit: f'must have at least {limit} characters',
    'maxLength': lambda limit: f'must have at most {limit} characters',
    'pattern': lambda pattern: f'must match the pattern {pattern}',
    'format': lambda name: f'must be a valid {name}',
    'minItems': lambda limit: f'must have at least {limit} entries',
    'maxItems': lambda limit: f'must have at most {limit} entries',
    'uniqueItems': lambda _: 'must have no entry twice',
}
