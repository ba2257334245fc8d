"""What the fault tests share, and the table that they leave."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import engine

Rounds = Callable[[int, int], int]


@pytest.fixture(autouse=True)
def engine_is_built(built_engine: engine.Engine) -> None:
    """No fault is tested against a missing engine."""


@pytest.fixture
def rounds(whole: bool, record_property: Callable[[str, object], None]) -> Rounds:
    """Return a function that takes the bounded and the whole number of rounds of a test."""

    def choose(bounded: int, all_of_them: int) -> int:
        chosen = all_of_them if whole else bounded
        record_property('rounds', chosen)
        return chosen

    return choose
