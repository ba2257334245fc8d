"""What changes in a resource, as people may see it."""

from __future__ import annotations

from typing import Any

import pytest

from stacks.operation.differences import differences, shown
from stacks.operation.marks import LATER, SECRET, SECRET_SIGNATURE, SIGNATURE, UNKNOWN

HIDDEN = {SIGNATURE: SECRET_SIGNATURE, 'ciphertext': 'planted'}
# Others that Pulumi marks, as its events have them.
NUMBER = {SIGNATURE: '8ad145fe-0d11-4827-bfd7-1abcbf086f5c'}
FILE = {SIGNATURE: 'c44067f5952c0a294b673a41bacd8c17', 'path': 'x'}
ARCHIVE = {
    SIGNATURE: '0def7320c3a5731c473e5ecbe6d01bc7',
    'assets': {'a': FILE},
    'hash': 'aa69245ac',
}
RESOURCE = {
    SIGNATURE: '5cf8f73096256a8f31e491e813e4eb8e',
    'urn': 'urn:pulumi:a::b::c::d',
    'id': 'x',
}
BYTES = {SIGNATURE: '803fd3297a5875dc03ca845dda5d2a98', 'value': '/w=='}


@pytest.mark.parametrize(
    ('old', 'new', 'expected'),
    [
        ({}, {}, []),
        ({'a': 1}, {'a': 1}, []),
        ({'a': 1}, {'a': 2}, [('a', 1, 2)]),
        ({'a': 1}, {}, [('a', 1, None)]),
        ({}, {'a': 1}, [('a', None, 1)]),
        ({'a': {'b': {'c': 1}}}, {'a': {'b': {'c': 2}}}, [('a.b.c', 1, 2)]),
        ({'a': [1, 2]}, {'a': [1, 3, 4]}, [('a[1]', 2, 3), ('a[2]', None, 4)]),
        ({'a': [{'b': 1}, 2]}, {'a': [{'b': 2}]}, [('a[0].b', 1, 2), ('a[1]', 2, None)]),
        ({'a': {'b': 1}}, {'a': [1]}, [('a', {'b': 1}, [1])]),
        ({'b': 1, 'a': 1}, {'c': 1, 'a': 2}, [('b', 1, None), ('a', 1, 2), ('c', None, 1)]),
        ({'__defaults': [], 'a': {'__x': 1}}, {'__defaults': ['a'], 'a': {'__x': 2}}, []),
        ({'a': 1}, {'a': UNKNOWN}, [('a', 1, LATER)]),
        ({}, {'a': {'b': UNKNOWN, '__x': 1}}, [('a', None, {'b': LATER})]),
    ],
)
def test_differences(old: Any, new: Any, expected: list[tuple[str, Any, Any]]) -> None:
    """What differs is told part by part, without what Pulumi keeps there for itself."""
    assert [(each.path, each.old, each.new) for each in differences(old, new)] == expected


@pytest.mark.parametrize(
    ('old', 'new', 'expected'),
    [
        (HIDDEN, HIDDEN, []),
        (HIDDEN, {**HIDDEN, 'ciphertext': 'other'}, []),
        (HIDDEN, None, [('a', SECRET, None)]),
        (None, HIDDEN, [('a', None, SECRET)]),
        ('planted', HIDDEN, [('a', SECRET, SECRET)]),
        (HIDDEN, ['planted'], [('a', SECRET, SECRET)]),
        (HIDDEN, UNKNOWN, [('a', SECRET, SECRET)]),
        ({'b': HIDDEN}, None, [('a', {'b': SECRET}, None)]),
        ([1, HIDDEN], [2, HIDDEN], [('a[0]', 1, 2)]),
    ],
)
def test_secrets(old: Any, new: Any, expected: list[tuple[str, Any, Any]]) -> None:
    """A secret shows on neither side, also where only one side says that it is one."""
    found = [(each.path, each.old, each.new) for each in differences({'a': old}, {'a': new})]
    assert found == expected
    assert 'planted' not in str(found)


def test_shown() -> None:
    """A value is shown with words for what is secret, or not known yet."""
    given = {'a': HIDDEN, 'b': [UNKNOWN, 1, None], '__c': 1, 'd': {'e': HIDDEN}}
    assert shown(given) == {'a': SECRET, 'b': [LATER, 1, None], 'd': {'e': SECRET}}


@pytest.mark.parametrize(
    ('marked', 'words'),
    [
        ({**NUMBER, 'value': '7ff8000000000000'}, '[not a number]'),
        ({**NUMBER, 'value': '7ff0000000000000'}, '[infinity]'),
        ({**NUMBER, 'value': 'fff0000000000000'}, '[minus infinity]'),
        (FILE, '[file]'),
        ({**FILE, 'hash': '2cf24dba5fb0a30e'}, '[file 2cf24dba]'),
        (ARCHIVE, '[archive aa69245a]'),
        (RESOURCE, '[resource d]'),
        (BYTES, '[bytes that are no text]'),
        ({SIGNATURE: 'of another version', 'value': 'x'}, '[cannot be shown]'),
    ],
)
def test_marked(marked: Any, words: str) -> None:
    """What JSON has no value for is told in words, wherever it is, and as one thing."""
    assert shown({'a': [marked]}) == {'a': [words]}
    found = [
        (each.path, each.old, each.new) for each in differences({'a': {'x': 1}}, {'a': marked})
    ]
    assert found == [('a', {'x': 1}, words)]
    assert list(differences({'a': marked}, {'a': dict(marked)})) == []


def test_changed_file() -> None:
    """A file that has another content is told from the one before."""
    old, new = ({'a': {**FILE, 'hash': text * 8}} for text in ('ab', 'cd'))
    [found] = differences(old, new)
    assert (found.old, found.new) == ('[file abababab]', '[file cdcdcdcd]')
