"""Slots whose engine is worn: another one is warmed up beside them, and takes their place."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from pulumi import automation as auto
from pulumi.automation.errors import create_command_error

import api
from slots import housekeeping
from slots.pool import Slots
from tests.doers import await_that
from tests.fake_pulumi import FakeEngine, FakePulumi, Gate, MakeSlots, crash


def run(slots: Slots) -> auto.UpResult:
    return api.spin_up_program('id', slots)


def wear(
    fake: FakeEngine, make_slots: MakeSlots, warming: Callable[[], object], **settings: int
) -> Slots:
    """Return slots whose only one is worn, and for which another one is being warmed up."""
    slots = make_slots(slots=1, slot_wait=10, **settings)
    run(slots)
    fake.opened['dev'].is_worn = True
    fake.prepare = lambda command: setattr(command, 'during_up', warming)
    run(slots)
    await_that(lambda: 'dev-1' in fake.opened)
    return slots


def is_ready(slots: Slots) -> bool:
    """Whether a successor waits for the worn slot to be given back."""
    return any(slots.queue._successors.values())


def assert_replaced(fake: FakeEngine, slots: Slots) -> None:
    """Assert that there is one slot, the second one that was opened, and nothing is left."""
    await_that(lambda: fake.opened['dev'].closed)
    before = fake.opened['dev-1'].commands.count('up')
    run(slots)
    assert fake.opened['dev-1'].commands.count('up') == before + 1
    assert slots.queue.available == 1
    assert fake.resources() == []


def test_worn(fake: FakeEngine, make_slots: MakeSlots) -> None:
    """A worn slot serves until another one is warm, which then takes its place."""
    warmed = threading.Event()
    slots = wear(fake, make_slots, lambda: warmed.wait(10))
    for _ in range(3):
        run(slots)
    assert fake.opened['dev'].commands.count('up') == 5
    warmed.set()
    assert_replaced(fake, slots)
    assert list(fake.opened) == ['dev', 'dev-1']


def test_in_use(fake: FakeEngine, make_slots: MakeSlots) -> None:
    """Another one takes a worn slot's place when that is given back, so that there is one more."""
    warmed = threading.Event()
    slots = wear(fake, make_slots, lambda: warmed.wait(10))
    with slots.lease() as worn:
        warmed.set()
        await_that(lambda: is_ready(slots))
        assert slots.queue.available == 0
        assert worn.name == 'dev'
        assert not fake.opened['dev'].closed
    assert_replaced(fake, slots)


def test_while_it_is_put_in_order(fake: FakeEngine, make_slots: MakeSlots) -> None:
    """A worn slot that is put in order as another one becomes ready does not come back."""
    warmed, dropping = threading.Event(), Gate()
    fake.prepare = lambda command: command.before.update({'stack rm': dropping})
    slots = wear(fake, make_slots, lambda: warmed.wait(10), runs_per_history=3)
    run(slots)
    assert dropping.reached.wait(10)
    warmed.set()
    await_that(lambda: is_ready(slots))
    dropping.opened.set()
    assert_replaced(fake, slots)


def test_set_aside(fake: FakeEngine, make_slots: MakeSlots) -> None:
    """A worn slot that has to be set aside meanwhile leaves no place for two."""
    warmed = threading.Event()
    slots = wear(fake, make_slots, lambda: warmed.wait(10))
    fake.opened['dev'].failures.update(destroy=['error: broken'] * 99)
    run(slots)
    await_that(lambda: slots.queue.available == 1)
    fake.prepare = lambda command: None
    run(slots)
    assert list(fake.opened) == ['dev', 'dev-1', 'dev-2']
    warmed.set()
    await_that(lambda: fake.opened['dev-1'].closed)
    assert slots.queue.available == 1
    run(slots)
    assert not fake.opened['dev-2'].closed


def test_name_that_cannot_be_recovered(
    fake: FakeEngine, make_slots: MakeSlots, tmp_path: Path
) -> None:
    """Where the next name's stack cannot be recovered, the one after it is warmed up."""

    def prepare(command: FakePulumi) -> None:
        command.failures.update(refresh=['error: broken'] * 9)

    slots = make_slots(slots=1, slot_wait=10)
    run(slots)
    slots._housekeeper._sweeper.stop()  # It would recover what is unclean first.
    crash(tmp_path, 'dev-1')
    fake.opened['dev'].is_worn = True
    fake.prepare = prepare
    run(slots)
    await_that(lambda: fake.opened['dev'].closed)
    assert list(fake.opened) == ['dev', 'dev-1', 'dev-2']


def test_without_successor(
    fake: FakeEngine, make_slots: MakeSlots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worn slot goes on where no other can be warmed up, which is tried again after a pause."""
    failures: list[str] = ['error: no disk'] * 2

    def fail() -> None:
        if failures:
            raise create_command_error(auto.CommandResult('', failures.pop(), 255))

    slots = wear(fake, make_slots, fail)
    await_that(lambda: fake.opened['dev-1'].closed)
    for _ in range(3):
        run(slots)
    assert len(failures) == 1
    monkeypatch.setattr(housekeeping, 'PAUSE', 0.0)
    slots._housekeeper._replaces_from = 0.0

    def is_replaced() -> bool:
        run(slots)
        return fake.opened['dev'].closed

    await_that(is_replaced)
    assert failures == []
    assert fake.resources() == []


def test_defect(fake: FakeEngine, make_slots: MakeSlots, caplog: pytest.LogCaptureFixture) -> None:
    """What fails beside the answers in a way that nobody thought of is in the log."""

    def fail() -> None:
        raise ZeroDivisionError

    slots = wear(fake, make_slots, fail)
    await_that(lambda: 'ZeroDivisionError' in caplog.text)
    run(slots)
    assert slots.queue.available == 1


def test_drain_in_a_recovery(fake: FakeEngine, make_slots: MakeSlots, tmp_path: Path) -> None:
    """A shutdown while the next name is recovered warms nothing up any more."""
    recovering = Gate()
    slots = make_slots(slots=1, slot_wait=10)
    run(slots)
    slots._housekeeper._sweeper.stop()  # It would recover what is unclean first.
    crash(tmp_path, 'dev-1')
    fake.opened['dev'].is_worn = True
    fake.prepare = lambda command: command.before.update(refresh=recovering)
    run(slots)
    assert recovering.reached.wait(10)
    slots.drain()
    recovering.opened.set()
    slots.close()
    assert 'up' not in fake.opened['dev-1'].commands
    assert [each.closed for each in fake.opened.values()] == [True, True]


def test_close(fake: FakeEngine, make_slots: MakeSlots) -> None:
    """Slots that are closed meanwhile end what is being warmed up as well."""
    warmed = threading.Event()
    slots = wear(fake, make_slots, lambda: warmed.wait(10))
    closing = threading.Thread(target=slots.close)
    closing.start()
    warmed.set()
    closing.join()
    assert [each.closed for each in fake.opened.values()] == [True, True]


def test_close_in_use(fake: FakeEngine, make_slots: MakeSlots) -> None:
    """A successor that waits for a slot in use is ended where that does not come back any more."""
    warmed = threading.Event()
    slots = wear(fake, make_slots, lambda: warmed.wait(10))
    with slots.lease():
        warmed.set()
        await_that(lambda: is_ready(slots))
        slots.close()
        assert fake.opened['dev-1'].closed
