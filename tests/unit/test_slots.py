"""Slots: one request each, recovered after a crash, never somebody else's."""

from __future__ import annotations

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pulumi import automation as auto

import api
from basic_pulumi import BusyError, EngineUnavailableError, ProgramFailedError
from runs.slot_files import SlotFile
from runs.slots import Slots
from tests.fake_pulumi import FakeEngine, FakePulumi, MakeSlots, Meeting

DEV = 'organization/burner-program/dev'
DEAD = 2**22 + 1  # above the largest pid that Linux gives out


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
    assert fake.resources() == ['fake']
    run(slots, 'uuid')
    assert fake.resources() == []


def crash(state_dir: Path) -> None:
    """Leave behind what a worker leaves that dies in a run: a slot file that says unclean."""
    (state_dir / 'slots').mkdir()
    file = SlotFile(state_dir / 'slots' / 'dev')
    file.mark(clean=False)
    file.close()


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
    fake.backend.locks[DEV] = f'me@{socket.gethostname()} (pid {DEAD})'
    run(make_slots())
    assert 'cancel' in fake.commands()


def test_nothing_but_a_dead_lock(fake: FakeEngine, make_slots: MakeSlots, tmp_path: Path) -> None:
    """A dead lock goes also where the stack that it stands for does not exist."""
    crash(tmp_path)
    fake.backend.locks[DEV] = f'me@{socket.gethostname()} (pid {DEAD})'
    run(make_slots(slots=1))
    assert fake.backend.locks == {}
    assert list(fake.backend.config) == [DEV]


@pytest.mark.parametrize(
    'owner',
    [
        pytest.param(f'me@{socket.gethostname()} (pid {os.getpid()})', id='alive'),
        pytest.param(f'me@elsewhere (pid {DEAD})', id='other host'),
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


def test_broken_stack_is_set_aside(fake: FakeEngine, make_slots: MakeSlots, tmp_path: Path) -> None:
    """A stack that cannot be recovered costs one attempt, and others serve in its place."""
    crash(tmp_path)

    def break_dev(command: FakePulumi) -> None:
        if not fake.opened:
            command.failures['refresh'] = ['error: snapshot integrity failure'] * 9

    fake.prepare = break_dev
    slots = make_slots(slots=1)
    for _ in range(3):
        run(slots)
    assert fake.opened['dev'].commands.count('refresh') == 1


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


def test_close(fake: FakeEngine, make_slots: MakeSlots) -> None:
    """Closing the slots ends what each keeps running and frees the names."""
    slots = make_slots()
    run(slots)
    slots.close()
    assert fake.opened['dev'].closed
    run(make_slots())
    assert list(fake.opened) == ['dev']
