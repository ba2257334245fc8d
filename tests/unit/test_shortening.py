"""Values that are too long to be shown."""

from __future__ import annotations

from stacks.shortening import LONGEST, shortened


def test_shortened() -> None:
    """Long texts, wherever they are, end with how long they are; all else stays as it is."""
    long, short = 'ä' * (LONGEST + 1), 'ä' * LONGEST
    found = shortened({'a': [long, short, 1, None], 'b': long})
    assert found['a'][1:] == [short, 1, None]
    assert found['b'] == found['a'][0] == f'{short} … (65,537 characters)'
