"""Having an operation stop: who is interrupted, and how often."""

from __future__ import annotations

import time

import pytest

from stacks.operation.stopping import PAUSE, Stop, StoppedError


class Engine:
    """Counts interrupts, and has a command running or not."""

    def __init__(self) -> None:
        self.is_running = True
        self.interrupts = 0

    def interrupt(self) -> bool:
        self.interrupts += self.is_running
        return self.is_running


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def stop(engine: Engine) -> Stop:
    return Stop(engine.interrupt)


def test_nobody_wishes(stop: Stop, engine: Engine) -> None:
    """An operation that nobody wants to stop goes on."""
    stop.check()
    stop.wait(0.01)
    assert (stop.is_wanted, engine.interrupts) == (False, 0)


def test_cancel(stop: Stop, engine: Engine) -> None:
    """One wish interrupts once, however often it is told of; the next one again, after a pause."""
    for _ in range(3):
        stop.cancel(1)
    stop.cancel(2)
    assert engine.interrupts == 1
    time.sleep(PAUSE)  # two at once are heard as one
    for _ in range(3):
        stop.cancel(2)
    assert engine.interrupts == 2
    assert (stop.is_wanted, stop.is_cancel) == (True, True)
    with pytest.raises(StoppedError):
        stop.check()


def test_between_commands(stop: Stop, engine: Engine) -> None:
    """An interrupt that hits nothing is tried again."""
    engine.is_running = False
    stop.cancel(1)
    assert engine.interrupts == 0
    engine.is_running = True
    stop.cancel(1)
    stop.cancel(1)
    assert engine.interrupts == 1


def test_put_off(stop: Stop, engine: Engine) -> None:
    """What is put off stops gently, and is no cancel; a cancel may still come."""
    for _ in range(3):
        stop.put_off()
    assert (stop.is_wanted, stop.is_cancel, engine.interrupts) == (True, False, 1)
    stop.cancel(1)
    assert (stop.is_cancel, engine.interrupts) == (True, 1)


def test_over(stop: Stop, engine: Engine) -> None:
    """A wish that comes after the end interrupts nothing: the engine does another run by then."""
    stop.end()
    stop.cancel(2)
    assert engine.interrupts == 0


def test_waiting(stop: Stop) -> None:
    """Whoever waits within an operation is waked by a wish."""
    stop.cancel(1)
    stop.wait(600)
