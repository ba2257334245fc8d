"""What people give to a program: checked all at once, in words, without the values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stacks import inputs
from stacks.errors import Flaw, InvalidError
from stacks.programs import Program

PROGRAM = Program(
    Path(),
    'token',
    schema={
        'type': 'object',
        'properties': {
            'size': {'type': 'integer', 'minimum': 1, 'maximum': 9, 'default': 2},
            'kind': {'enum': ['a', 'b']},
            'names': {
                'type': 'array',
                'items': {'type': 'string', 'pattern': '^x'},
                'uniqueItems': True,
                'default': [],
            },
            'key': {'type': 'string', 'writeOnly': True, 'minLength': 4},
            'day': {'type': 'string', 'format': 'date', 'default': '2026-01-01'},
            'odd': {'not': {'const': 3}, 'default': 1},
        },
        'required': ['kind', 'key'],
        'additionalProperties': False,
    },
)
GOOD = {'kind': 'a', 'key': 'planted'}


def test_defaults() -> None:
    """What is not given has its default."""
    assert inputs.check(PROGRAM, GOOD) == {
        **GOOD,
        'size': 2,
        'names': [],
        'day': '2026-01-01',
        'odd': 1,
    }


@pytest.mark.parametrize(
    ('given', 'flaws'),
    [
        ({'kind': None, 'key': None}, {'/kind': 'must be one of a, b', '/key': 'must be a string'}),
        ({}, {'/kind': 'is required', '/key': 'is required'}),
        ({**GOOD, 'size': 0}, {'/size': 'must be at least 1'}),
        ({**GOOD, 'size': '3'}, {'/size': 'must be an integer'}),
        ({**GOOD, 'size': True}, {'/size': 'must be an integer'}),
        ({**GOOD, 'names': ['x', 'y', 3]}, None),
        ({**GOOD, 'names': ['x', 'x']}, {'/names': 'must have no entry twice'}),
        ({**GOOD, 'sise': 3}, {'/sise': 'is not an input of this program'}),
        ({**GOOD, 'a/b~c': 3}, {'/a~1b~0c': 'is not an input of this program'}),
        ({**GOOD, 'day': 'monday'}, {'/day': 'must be a valid date'}),
        ({**GOOD, 'odd': 3}, {'/odd': 'does not fit its not'}),
    ],
)
def test_flaws(given: dict[str, Any], flaws: dict[str, str] | None) -> None:
    """Everything that is wrong is told, each with its place and what it must be."""
    if flaws is None:
        flaws = {'/names/1': 'must match the pattern ^x', '/names/2': 'must be a string'}
    with pytest.raises(InvalidError) as told:
        inputs.check(PROGRAM, given)
    assert {flaw.pointer: flaw.detail for flaw in told.value.flaws} == flaws
    assert len(told.value.flaws) == len(flaws)


LARGE = Program(
    Path(),
    'token',
    schema={
        'type': 'object',
        'properties': {
            'size': {'type': 'integer'},
            'sizes': {'type': 'array', 'items': {'type': 'integer'}},
            'more': {'type': 'object'},
        },
        'required': [],
        'additionalProperties': False,
    },
)


@pytest.mark.parametrize(
    ('given', 'pointers'),
    [
        ({'size': 2**63 - 1, 'sizes': [-(2**63), 0], 'more': {'a': 2.5, 'b': True}}, []),
        ({'size': 2**63}, ['/size']),
        ({'size': -(2**63) - 1}, ['/size']),
        ({'size': 1e20}, ['/size']),
        ({'sizes': [1, 2**64, 1e300]}, ['/sizes/1', '/sizes/2']),
        ({'more': {'a/b': [{'c': -(2**70)}]}}, ['/more/a~1b/0/c']),
        # No whole number: Pulumi carries it as it is.
        ({'more': {'avogadro': 6.02214076e23}}, []),
    ],
)
def test_too_large(given: dict[str, Any], pointers: list[str]) -> None:
    """A whole number that Pulumi's settings cannot carry is told, wherever it is."""
    try:
        inputs.check(LARGE, given)
        found = []
    except InvalidError as error:
        found = error.flaws
    words = 'must be between -9223372036854775808 and 9223372036854775807'
    assert found == [Flaw(pointer, words) for pointer in pointers]


@pytest.mark.parametrize('value', [{'a/b': [{'secure': 'x'}]}, {'a/b': [{'<<': {}}]}])
def test_not_as_pulumi_has_it(value: dict[str, Any]) -> None:
    """Names that Pulumi would take for something else are refused, wherever they are."""
    schema = {'type': 'object', 'properties': {'whole': {'type': 'object'}}, 'required': []}
    with pytest.raises(InvalidError) as told:
        inputs.check(Program(Path(), 'token', schema=schema), {'whole': value})
    [name] = value['a/b'][0]
    assert told.value.flaws == [Flaw('/whole/a~1b/0', f'must have no member {name}')]


def test_no_value_is_told() -> None:
    """A value that is refused shows in no message: it may be secret, in the wrong place as well."""
    with pytest.raises(InvalidError) as told:
        inputs.check(PROGRAM, {'kind': 'planted', 'key': 'pla', 'size': 'planted', 'x': 'planted'})
    assert Flaw('/key', 'must have at least 4 characters') in told.value.flaws
    assert 'planted' not in str(told.value)
