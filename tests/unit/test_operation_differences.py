"""What changes in a resource, as people may see it."""

from __future__ import annotations

from typing import Any

import pytest

from stacks.operation.differences import (
    LATER,
    SECRET,
    SECRET_SIGNATURE,
    SIGNATURE,
    UNKNOWN,
    differences,
    shown,
)

HIDDEN = {SIGNATURE: SECRET_SIGNATURE, 'ciphertext': 'planted'}


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
