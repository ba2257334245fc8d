"""What the fault tests share, and the table that they leave."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import engine

Rounds = Callable[[int, int], int]


@pytest.fixture(autouse=True)
def engine_is_built(built_engine: engine.Engine) -> None:
    """No fault is tested against a missing engine."""


@pytest.fixture(autouse=True)
def bounded(request: pytest.FixtureRequest, whole: bool) -> None:
    """Leave the stock way, which takes seconds for each run, to the whole form."""
    if not whole and 'mode' in request.fixturenames and request.getfixturevalue('mode') == 'cli':
        pytest.skip('the stock way is part of the whole form')


@pytest.fixture
def rounds(whole: bool, record_property: Callable[[str, object], None]) -> Rounds:
    """Return a function that takes the bounded and the whole number of rounds of a test."""

    def choose(bounded: int, all_of_them: int) -> int:
        chosen = all_of_them if whole else bounded
        record_property('rounds', chosen)
        return chosen

    return choose
