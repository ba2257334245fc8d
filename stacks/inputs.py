"""What people give to a program: checked all at once, before Pulumi sees it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from stacks.programs import Program


@dataclass(frozen=True)
class Flaw:
    """What is wrong with an input.

    pointer: the place in the inputs, a JSON Pointer (RFC 6901).
    detail: what it must be, never what it was: it may be secret.
    """

    pointer: str
    detail: str


class InputsError(Exception):
    """Inputs do not fit the program."""

    def __init__(self, flaws: list[Flaw]) -> None:
        super().__init__('; '.join(f'{flaw.pointer} {flaw.detail}' for flaw in flaws))
        self.flaws = flaws


def check(program: Program, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all inputs of a program: those given, and the defaults of the others.

    Raises InputsError with everything that is wrong.
    """
    validator = Draft202012Validator(
        program.schema, format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    properties = program.schema['properties']
    errors = validator.iter_errors(dict(given))
    # Of what is missing, each is told with all others.
    flaws = {flaw for error in errors for flaw in _flaws(error, properties)}
    if flaws:
        raise InputsError(sorted(flaws, key=lambda flaw: flaw.pointer))
    defaults = {name: each['default'] for name, each in properties.items() if 'default' in each}
    return {**defaults, **given}


def _flaws(error: ValidationError, known: Collection[str]) -> Iterator[Flaw]:
    path = list(error.absolute_path)
    instance: Any = error.instance
    wanted: Any = error.validator_value
    if error.validator == 'required':
        missing = [name for name in wanted if name not in instance]
        yield from (Flaw(_pointer([*path, name]), 'is required') for name in missing)
    elif error.validator == 'additionalProperties' and not path:
        unknown = [name for name in instance if name not in known]
        yield from (Flaw(_pointer([name]), 'is not an input of this program') for name in unknown)
    else:
        word = WORDS.get(str(error.validator))
        yield Flaw(_pointer(path), word(wanted) if word else f'does not fit its {error.validator}')


def _pointer(path: list[Any]) -> str:
    return ''.join('/' + str(part).replace('~', '~0').replace('/', '~1') for part in path)


def _type(wanted: Any) -> str:
    article = 'an' if str(wanted)[0] in 'aio' else 'a'
    return f'must be {article} {wanted}'


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
