"""Forms from JSON Schemas, and the inputs that come of what is typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from portal import fields
from stacks.errors import Flaw
from stacks.programs import Program


def program(required: tuple[str, ...] = (), **properties: Any) -> Program:
    schema = {'type': 'object', 'properties': properties, 'required': list(required)}
    return Program(Path('/nowhere'), 'some', schema=schema)


@pytest.mark.parametrize(
    ('schema', 'kind'),
    [
        ({'type': 'string'}, 'text'),
        ({'type': 'string', 'contentMediaType': 'text/html'}, 'area'),
        ({'type': 'string', 'writeOnly': True}, 'secret'),
        ({'type': 'integer', 'writeOnly': True}, 'secret'),
        ({'type': 'integer'}, 'number'),
        ({'type': 'boolean'}, 'checkbox'),
        ({'type': 'string', 'enum': list('abcde')}, 'radios'),
        ({'type': 'string', 'enum': list('abcdef')}, 'select'),
        ({'type': 'array', 'items': {'type': 'string'}}, 'lines'),
        ({'type': 'array'}, 'json'),
        ({'type': 'object'}, 'json'),
    ],
)
def test_kinds(schema: dict[str, Any], kind: str) -> None:
    """Each type of input has the field that people fill in most easily."""
    assert fields.kind(schema) == kind


@pytest.mark.parametrize(
    ('schema', 'text', 'value'),
    [
        ({'type': 'string'}, ' as it is ', ' as it is '),
        ({'type': 'string'}, '', None),
        ({'type': 'string', 'default': 'x'}, '', ''),
        ({'type': 'integer'}, ' 7 ', 7),
        ({'type': 'integer'}, '-7', -7),
        ({'type': 'integer'}, '7.5', '7.5'),
        ({'type': 'integer', 'default': 3}, ' ', 3),
        ({'type': 'integer'}, '9' * 5000, '9' * 5000),
        ({'type': 'boolean'}, 'on', True),
        ({'type': 'boolean'}, 'off', False),
        ({'type': 'boolean'}, 'maybe', 'maybe'),
        ({'type': 'array', 'items': {'type': 'string'}}, 'a\n\n b \n', ['a', 'b']),
        ({'type': 'object'}, '{"a": [1]}', {'a': [1]}),
        ({'type': 'object'}, '{"a":', '{"a":'),
        ({'type': 'object'}, '[' * 100_000, '[' * 100_000),
        ({'type': 'string', 'enum': ['a', 'b']}, 'a', 'a'),
        ({'type': 'integer', 'enum': [1, 2]}, '2', 2),
    ],
)
def test_parsed(schema: dict[str, Any], text: str, value: Any) -> None:
    """What is typed becomes a value of the input's type, or stays what it is, to be refused."""
    assert fields.parsed(schema, text) == value


def test_shown_and_parsed() -> None:
    """What a form shows of a value, sent as it is, is the same value again."""
    values = {
        'text': 'a\nb',
        'count': 3,
        'on': True,
        'off': False,
        'list': ['a', 'b'],
        'map': {'k': 1},
    }
    kinds = {
        'text': 'string',
        'count': 'integer',
        'on': 'boolean',
        'off': 'boolean',
        'map': 'object',
    }
    properties: dict[str, Any] = {name: {'type': kind} for name, kind in kinds.items()}
    properties['list'] = {'type': 'array', 'items': {'type': 'string'}}
    made = program(**properties)
    form = {}
    for each in fields.fields(made, values, is_new=False):
        is_on = each.kind == 'checkbox'
        form[each.name] = (
            ['off', 'on'] if each.value is True else ['off'] if is_on else [each.value]
        )
    assert fields.inputs(made, form, values) == values


def test_secrets() -> None:
    """A secret never comes back in a form; left empty, it stays as it is."""
    made = program(token={'type': 'string', 'writeOnly': True})
    [new] = fields.fields(made, {}, is_new=True)
    [kept] = fields.fields(made, {'token': '[secret]'}, is_new=False)
    assert (new.value, new.kept, kept.value) == ('', '', '')
    assert 'Leave empty' in kept.kept
    form = {'keep-token': ['on'], 'input-token': ['']}
    assert fields.inputs(made, form, {'token': '[secret]'}) == {}
    typed = {**form, 'input-token': ['new']}
    assert fields.inputs(made, typed, {'token': '[secret]'}) == {'token': 'new'}
    fields.typed([new], typed)
    assert new.value == ''


def test_long_values_are_kept() -> None:
    """A value too long for a page is not in the form, and stays when nothing is typed."""
    made = program(page={'type': 'string'})
    values = {'page': 'x' * (fields.LONGEST_SHOWN + 1)}
    [field] = fields.fields(made, values, is_new=False)
    assert (field.value, '8,001 characters' in field.kept) == ('', True)
    assert fields.inputs(made, {'keep-page': ['on'], 'input-page': ['']}, values) == {}


def test_flaws() -> None:
    """What is wrong is told at its field, in the summary, and by where JSON is broken."""
    made = program(map={'type': 'object'}, size={'type': 'integer'})
    found = fields.fields(made, {}, is_new=True)
    fields.typed(found, {'input-map': ['{"a":\n}'], 'input-size': ['x']})
    flaws = [
        Flaw('/inputs/map', 'must be an object'),
        Flaw('/inputs/size', 'must be an integer'),
        Flaw('/ttl', 'must be a time'),
    ]
    assert fields.mark(found, flaws) == [
        ('input-map', 'Map is not valid JSON: line 2, character 1.'),
        ('input-size', 'Size must be an integer.'),
        ('', 'Ttl must be a time.'),
    ]
    assert [each.flaw for each in found] == [
        'Map is not valid JSON: line 2, character 1.',
        'Size must be an integer.',
    ]


@pytest.mark.parametrize(
    ('schema', 'value'),
    [
        ({'type': 'string'}, 'two\nlines'),
        ({'type': 'array', 'items': {'type': 'string'}}, ['a\nb', ' c ', '']),
        ({'type': 'array', 'items': {'type': 'string'}}, [1, None]),
        ({'type': 'array', 'items': {'type': 'string'}}, 'no list'),
        ({'type': 'array', 'items': {'type': 'string'}}, 5),
    ],
)
def test_nothing_is_lost(schema: dict[str, Any], value: Any) -> None:
    """A value that the usual field would change is in one that keeps it as it is."""
    made = program(some=schema)
    [field] = fields.fields(made, {'some': value}, is_new=False)
    form = {field.name: [field.value], **({'json-some': ['on']} if field.is_json else {})}
    assert fields.inputs(made, form, {'some': value}) == {'some': value}


@pytest.mark.parametrize('text', ['NaN', '{"a": 1, "a": 2}', '"\\ud800"', '1e999', '[' * 40])
def test_json_as_strict_as_bodies(text: str) -> None:
    """JSON in a form is read as strictly as in a body: what cannot be used stays text."""
    assert fields.parsed({'type': 'object'}, text) == text
