"""Slots: one request each, recovered after a crash, never somebody else's."""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path

import pytest
from pulumi import automation as auto

import api
from basic_pulumi import BusyError, EngineUnavailableError, ProgramFailedError
from slots import sweeper
from slots.pool import Slots
from slots.slot import Slot
from tests.doers import await_that
from tests.fake_pulumi import FakeEngine, FakePulumi, Gate, MakeSlots, Meeting, crash

DEV = 'organization/burner-program/dev'
DEAD = 2**22 + 1  # above the largest pid that Linux gives out
NOW = datetime.now(timezone.utc).isoformat(timespec='seconds')
LONG_AGO = '2020-11-23T12:00:00Z'


def run(slots: Slots, requested: str = 'id') -> auto.UpResult:
    return api.spin_up_program(requested, slots)


def test_names(fake: FakeEngine, make_slots: MakeSlots) -> None:
    """Concurrent requests run on dev, dev-1, dev-2, and each gets its own answer."""
    slots = make_slots(slots=3)
    meet = Meeting(3)
    fake.prepare = lambda command: setattr(command, 'during_up', meet)
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(lambda kind: run(slots, kind), ['id', 'uuid', 'string']))
    assert [list(result.outputs) for result in results] == [['id'], ['uuid'], ['string']]
    assert sorted(fake.opened) == ['dev', 'dev-1', 'dev-2']


def test_lazy_and_warm(fake: FakeEngine, make_slots: MakeSlots) -> None:
    """One request at a time needs one slot, however many there may be."""
    slots = make_slots(slots=3)
    for _ in range(3):
        run(slots)
    assert list(fake.opened) == ['dev']


def test_no_free_slot(make_slots: MakeSlots) -> None:
    """A request that waited its time for a slot is told to come again."""
    slots = make_slots(slots=1)
    with slots.lease(), pytest.raises(BusyError) as caught:
        run(slots)
    assert caught.value.retry_after > 0


def test_slot_is_handed_on(fake: FakeEngine, make_slots: MakeSlots) -> None:
    """Twelve requests on two slots all get answers, and nothing is left."""
    slots = make_slots(slots=2, slot_wait=10)
    with ThreadPoolExecutor(12) as pool:
        results = list(pool.map(lambda kind: run(slots, kind), ['id', 'uuid', 'string'] * 4))
    assert [kind for result in results for kind in result.outputs] == [
        'id',
        'uuid',
        'string',
    ] * 4
    assert fake.resources() == []


def test_first_come_first_served(make_slots: MakeSlots) -> None:
    """Who waits for a slot gets it before those who come later, however quickly they come."""
    slots = make_slots(slots=1, slot_wait=10)
    served: list[str] = []

    def wait() -> None:
        with slots.lease():
            served.append('patient')

    with ThreadPoolExecutor(1) as pool, ExitStack() as first:
        first.enter_context(slots.lease()).warm_up()
        pool.submit(wait)
        await_that(lambda: slots.queue.length == 1)
        with slots.queue._changed:  # Nobody comes in between.
            first.close()
            with slots.lease():
                served.append('hasty')
    assert served == ['patient', 'hasty']


def test_failed_update_is_destroyed(fake: FakeEngine, make_slots: MakeSlots) -> None:
    """Whatever fails once up began, destroy still runs and the slot is clean."""

    def fail() -> None:
        raise ZeroDivisionError

    fake.prepare = lambda command: setattr(command, 'during_up', fail)
    slots = make_slots()
    with pytest.raises(ZeroDivisionError):
        run(slots)
    assert fake.resources() == []
    fake.opened['dev'].during_up = lambda: None
    fake.opened['dev'].commands.clear()
    run(slots)
    assert fake.commands().count('refresh') == 1, 'a clean slot needs no recovery'


def test_failed_destroy_keeps_the_answer(fake: FakeEngine, make_slots: MakeSlots) -> None:
    """An answer that is there is given although the destroy failed, and the slot recovered."""
    slots = make_slots(slots=1)
    fake.prepare = lambda command: command.failures.update(destroy=['error: provider crashed'])
    assert run(slots).outputs['id'].value == 'value of id'
    assert run(slots, 'uuid').outputs['uuid'].value == 'value of uuid'
    assert fake.commands().count('destroy') == 3
    assert fake.resources() == []


def test_recovery(fake: FakeEngine, make_slots: MakeSlots, tmp_path: Path) -> None:
    """A slot that a dead worker left unclean is cleaned before it is used again."""
    crash(tmp_path)
    fake.backend.config[DEV] = {}
    fake.backend.history[DEV] = []
    fake.backend.resources[DEV] = ['left behind']
    run(make_slots())
    commands = fake.commands()
    assert commands.index('destroy') < commands.index('up')
    assert fake.resources() == []


def test_half_written_slot_file(fake: FakeEngine, make_slots: MakeSlots, tmp_path: Path) -> None:
    """A slot file that its owner had not finished writing counts as unclean."""
    (tmp_path / 'slots').mkdir()
    (tmp_path / 'slots' / 'dev').write_text('{"clean": tr')
    run(make_slots())
    assert fake.commands().count('destroy') == 2


def test_dead_lock(fake: FakeEngine, make_slots: MakeSlots, tmp_path: Path) -> None:
    """The lock of a dead process of this host is cancelled in the recovery."""
    crash(tmp_path)
    fake.backend.config[DEV] = {}
    fake.backend.history[DEV] = []
    fake.backend.resources[DEV] = []
    fake.backend.locks[DEV] = f'me@{socket.gethostname()} (pid {DEAD}) at {NOW}'
    run(make_slots())
    assert 'cancel' in fake.commands()


def test_nothing_but_a_dead_lock(fake: FakeEngine, make_slots: MakeSlots, tmp_path: Path) -> None:
    """A dead lock goes also where the stack that it stands for does not exist."""
    crash(tmp_path)
    fake.backend.locks[DEV] = f'me@{socket.gethostname()} (pid {DEAD}) at {NOW}'
    run(make_slots(slots=1))
    assert fake.backend.locks == {}
    assert list(fake.backend.config) == [DEV]


@pytest.mark.parametrize(
    'owner',
    [
        pytest.param(f'me@{socket.gethostname()} (pid {os.getpid()}) at {NOW}', id='alive'),
        pytest.param(f'me@elsewhere (pid {DEAD}) at {NOW}', id='other host'),
        pytest.param('somebody', id='unreadable'),
    ],
)
def test_live_lock(fake: FakeEngine, make_slots: MakeSlots, tmp_path: Path, owner: str) -> None:
    """A lock that may be alive is never touched: the next name is used instead."""
    crash(tmp_path)
    fake.backend.locks[DEV] = owner
    run(make_slots(slots=1))
    assert 'cancel' not in fake.commands()
    assert fake.backend.locks == {DEV: owner}
    assert list(fake.opened) == ['dev', 'dev-1']


def test_lock_of_an_earlier_process(
    fake: FakeEngine, make_slots: MakeSlots, tmp_path: Path
) -> None:
    """A lock that is older than the process with its owner's number has no owner any more."""
    crash(tmp_path)
    fake.backend.locks[DEV] = f'me@{socket.gethostname()} (pid {os.getpid()}) at {LONG_AGO}'
    run(make_slots(slots=1))
    assert fake.backend.locks == {}
    assert list(fake.opened) == ['dev']


def eventually(holds: Callable[[], object]) -> None:
    """Wait until something holds that another thread brings about."""
    ends_at = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < ends_at
        time.sleep(0.01)


def test_set_aside_until_recovered(
    fake: FakeEngine,
    make_slots: MakeSlots,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A stack that cannot be recovered costs no answer, and is recovered as soon as it can be."""
    monkeypatch.setattr(sweeper, 'INTERVAL', 0.05)
    crash(tmp_path)
    fake.backend.locks[DEV] = owner = f'me@{socket.gethostname()} (pid {os.getpid()}) at {NOW}'
    slots = make_slots(slots=1)
    for _ in range(3):
        run(slots)
    assert set(fake.opened) == {'dev', 'dev-1'}
    assert fake.backend.locks == {DEV: owner}
    del fake.backend.locks[DEV]
    fake.backend.resources[DEV] = ['left behind']
    eventually(lambda: not fake.resources())
    slots.close()
    run(make_slots(slots=1))
    assert fake.commands()[-1] != 'refresh', 'the name is clean again'


def test_outage(fake: FakeEngine, make_slots: MakeSlots, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be destroyed in an outage goes when that is over, without any request."""
    monkeypatch.setattr(sweeper, 'INTERVAL', 0.05)
    outage = ['error: no route to the backend'] * 1000
    fake.prepare = lambda command: command.failures.update(destroy=outage)
    slots = make_slots(slots=1)
    run(slots)
    eventually(lambda: len(outage) < 997)
    assert fake.resources() == ['fake']
    outage.clear()
    eventually(lambda: not fake.resources())
    slots.close()


def test_drain(make_slots: MakeSlots) -> None:
    """From the shutdown on nobody gets a slot, and who waits for one is told at once."""
    slots = make_slots(slots=1, slot_wait=60)
    with slots.lease(), ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(run, slots) for _ in range(3)]
        eventually(lambda: slots.queue.length == 3)
        slots.drain()
        for each in waiting:
            with pytest.raises(BusyError, match='shutting down'):
                each.result(timeout=10)
    with pytest.raises(BusyError, match='shutting down'):
        run(slots)


def test_drain_in_a_recovery(fake: FakeEngine, make_slots: MakeSlots, tmp_path: Path) -> None:
    """A request whose slot is still being recovered when the shutdown begins does not start."""
    crash(tmp_path)
    recovering = Gate()
    fake.prepare = lambda command: command.before.update(refresh=recovering)
    slots = make_slots(slots=1)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(run, slots)
        assert recovering.reached.wait(10)
        slots.drain()
        recovering.opened.set()
        with pytest.raises(BusyError, match='shutting down'):
            answer.result(timeout=10)
    assert 'up' not in fake.commands()


def test_drain_in_a_sweep(
    fake: FakeEngine, make_slots: MakeSlots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep takes one slot at a time, and a shutdown waits for that one and no further."""
    monkeypatch.setattr(sweeper, 'INTERVAL', 0.05)
    outage = ['error: no route to the backend'] * 1000
    recovering = Gate()
    recovering.opened.set()

    def go_down(command: FakePulumi) -> None:
        command.failures.update(destroy=outage)
        command.before.update(destroy=recovering)
        command.during_up = meet

    meet = Meeting(3)
    fake.prepare = go_down
    slots = make_slots(slots=3)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: run(slots), range(3)))
    # By the run, by who keeps house after it, and by a sweep.
    opened = list(fake.opened.values())
    eventually(lambda: all(each.commands.count('destroy') >= 3 for each in opened))
    recovering.opened.clear()
    outage.clear()
    assert recovering.reached.wait(10)
    eventually(lambda: slots.queue.available == 2)
    slots.drain()
    recovering.opened.set()
    slots.close()
    assert len(fake.resources()) == 2


def test_lease_at_the_end(fake: FakeEngine, make_slots: MakeSlots) -> None:
    """A run that outlives the threads which keep house has its slot put in order all the same."""
    fake.prepare = lambda command: command.failures.update(destroy=['error: provider crashed'])
    slots = make_slots(slots=1)
    with slots.lease():
        slots._housekeeper.stop()
    assert run(slots).outputs['id'].value == 'value of id'
    assert fake.resources() == []


def test_drain_within_itself(make_slots: MakeSlots) -> None:
    """A signal that arrives while the same thread handles an earlier one waits for nobody."""
    slots = make_slots()
    with slots.queue._changed:
        slots.drain()


def test_setting_aside_is_bounded(fake: FakeEngine, make_slots: MakeSlots, tmp_path: Path) -> None:
    """When no name helps, the error is told instead of trying for ever."""
    crash(tmp_path)
    fake.prepare = lambda command: command.failures.update(refresh=['error: broken'] * 9)
    (tmp_path / 'slots' / 'dev-1').write_text('unclean')
    (tmp_path / 'slots' / 'dev-2').write_text('unclean')
    with pytest.raises(ProgramFailedError):
        run(make_slots(slots=1))
    assert len(fake.opened) == 2


def test_missing_engine_costs_no_slot(fake: FakeEngine, make_slots: MakeSlots) -> None:
    """A slot that could not be opened can be opened later."""

    def no_engine(command: FakePulumi) -> None:
        raise EngineUnavailableError('none')

    slots = make_slots(slots=1)
    fake.prepare = no_engine
    for _ in range(3):
        with pytest.raises(EngineUnavailableError):
            run(slots)
    fake.prepare = lambda command: None
    run(slots)


def test_two_services(make_slots: MakeSlots, fake: FakeEngine) -> None:
    """Two services on one state folder take different names."""
    first, second = make_slots(), make_slots()
    run(first)
    run(second)
    assert sorted(fake.opened) == ['dev', 'dev-1']


def test_history_is_dropped(fake: FakeEngine, make_slots: MakeSlots) -> None:
    """Every so many runs a slot's history is dropped, and it goes on serving."""
    slots = make_slots(slots=1, runs_per_history=3, slot_wait=10)
    for _ in range(10):
        run(slots)
    slots.close()
    assert fake.commands().count('stack rm') == 3
    assert sum(map(len, fake.backend.history.values())) <= 3 * 3


def test_history_that_cannot_be_dropped(fake: FakeEngine, make_slots: MakeSlots) -> None:
    """A slot whose history could not be dropped is recovered and used again."""
    slots = make_slots(slots=1, runs_per_history=1, slot_wait=10)
    fake.prepare = lambda command: command.failures.update({'stack rm': ['error: disk']})
    run(slots)
    run(slots)
    assert 'destroy' in fake.commands()


def test_history_with_one_client(fake: FakeEngine, make_slots: MakeSlots) -> None:
    """Who comes while a history is dropped waits for that, as opening a slot takes longer."""
    slots = make_slots(slots=3, runs_per_history=1)
    for _ in range(5):
        run(slots)
    assert list(fake.opened) == ['dev']


def test_slot_that_cannot_begin(
    fake: FakeEngine, make_slots: MakeSlots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slot whose file cannot be written as a run begins serves again when it can be."""
    slots = make_slots(slots=1)
    run(slots)

    def refuse(slot: Slot) -> None:
        raise OSError(errno.ENOSPC, 'No space left on device')

    with monkeypatch.context() as patch:
        patch.setattr(Slot, 'begin', refuse)
        with pytest.raises(OSError, match='No space'):
            run(slots)
    run(slots)
    assert slots.queue.available == 1


def test_place_in_the_line(fake: FakeEngine, make_slots: MakeSlots, tmp_path: Path) -> None:
    """Whose stack is set aside is served by another name before those who have come later."""
    crash(tmp_path)
    fake.backend.locks[DEV] = f'me@{socket.gethostname()} (pid {os.getpid()}) at {NOW}'
    recovering = Gate()
    fake.prepare = lambda command: command.before.update({'stack init': recovering})
    slots = make_slots(slots=1, queue_limit=1, slot_wait=10)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(run, slots)
        assert recovering.reached.wait(10)
        second = pool.submit(run, slots)
        await_that(lambda: slots.queue.length == 1)
        recovering.opened.set()
        for each in (first, second):
            assert each.result(timeout=10).outputs['id'].value == 'value of id'
    assert list(fake.opened) == ['dev', 'dev-1']


def test_no_further_thread(
    fake: FakeEngine, make_slots: MakeSlots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no thread can be started for it, a slot is put in order all the same, and once."""
    slots = make_slots(slots=2, runs_per_history=1)
    busy, start = threading.Event(), threading.Thread.start
    slots._housekeeper._threads.submit(busy.wait, 10)

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith('slot-housekeeper'):
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, 'start', refuse)
        run(slots)
    busy.set()
    slots._housekeeper.stop()
    assert fake.commands().count('stack rm') == 1
    assert slots.queue.available == 2


def test_drain_while_all_are_opened(fake: FakeEngine, make_slots: MakeSlots) -> None:
    """A shutdown while the slots are opened at the start is no failure to start."""
    warming = Gate()
    fake.prepare = lambda command: setattr(command, 'during_up', warming)
    slots = make_slots(slots=2)
    with ThreadPoolExecutor(1) as pool:
        opened = pool.submit(slots.open_all)
        assert warming.reached.wait(10)
        slots.drain()
        warming.opened.set()
        opened.result(timeout=10)
    assert list(fake.opened) == ['dev']
    assert fake.resources() == []


def test_end_that_fails(fake: FakeEngine, make_slots: MakeSlots) -> None:
    """A slot whose engine cannot be ended gives its name up all the same."""

    class Broken(FakePulumi):
        def close(self) -> None:
            raise OSError(errno.ENOSPC, 'No space left on device')

    fake.make = Broken
    slots = make_slots(slots=1)
    run(slots)
    with pytest.raises(OSError, match='No space'):
        slots.close()
    fake.make = FakePulumi
    run(make_slots(slots=1))
    assert list(fake.opened) == ['dev']


def test_close(fake: FakeEngine, make_slots: MakeSlots) -> None:
    """Closing the slots ends what each keeps running and frees the names."""
    slots = make_slots()
    run(slots)
    slots.close()
    assert fake.opened['dev'].closed
    run(make_slots())
    assert list(fake.opened) == ['dev']
