"""The line of those who wait while a slot is expected to be free soon."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from basic_pulumi import BusyError
from settings import Settings
from slots import queue
from slots.queue import Queue
from slots.slot import Slot
from tests.doers import await_that
from workspaces.ownership import Ownership

MakeQueue = Callable[..., tuple[Queue, Slot]]


@pytest.fixture
def make_queue(tmp_path: Path) -> MakeQueue:
    """Make a queue of one slot that is expected, and has a right to open another one."""

    def make(**given: Any) -> tuple[Queue, Slot]:
        settings = Settings(state_dir=tmp_path, slots=2, **given)
        made = Queue(settings)
        assert made.take() is None
        slot = Slot('dev', 'program', settings, Ownership(tmp_path / 'dev'))
        made.expect(slot)
        return made, slot

    return make


def test_line(make_queue: MakeQueue) -> None:
    """Who waits for a slot that is expected has it before those who come later."""
    made, slot = make_queue(slot_wait=10)
    with ThreadPoolExecutor(1) as pool:
        patient = pool.submit(made.take)
        await_that(lambda: made.length == 1)
        with made._changed:  # Nobody comes in between.
            made.put_back(slot)
            hasty = made.take()
    assert (patient.result(timeout=10), hasty) == (slot, None)


def test_another_is_opened(make_queue: MakeQueue) -> None:
    """Who has waited for it long enough opens another one."""
    made, _ = make_queue(slot_wait=10)
    begun = time.monotonic()
    assert made.take() is None
    assert time.monotonic() - begun >= queue.SOON


def test_wait_is_bounded(make_queue: MakeQueue) -> None:
    """Where requests may wait for less than that, another one is opened then."""
    made, _ = make_queue(slot_wait=0.01)
    assert made.take() is None
    with pytest.raises(BusyError, match='no slot became free'):
        made.take()


def test_nobody_may_wait(make_queue: MakeQueue) -> None:
    """Where no request may wait, another one is opened at once, and then all are refused."""
    made, _ = make_queue(slot_wait=10, queue_limit=0)
    assert made.take() is None
    with pytest.raises(BusyError, match='too many'):
        made.take()
