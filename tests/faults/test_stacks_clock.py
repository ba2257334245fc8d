"""A wall clock that steps while things are done with stacks that last."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.lasting import DIED, Lasting, lasting
from tests.platform import inputs

DAY = 86400.0


class Clock:
    """The service's wall clock."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.step(0)

    def step(self, seconds: float) -> None:
        """Have it be so far ahead of the real one."""
        new = self.file.with_suffix('.new')
        new.write_text(str(seconds))
        new.replace(self.file)


@pytest.fixture(scope='module')
def clock(tmp_path_factory: pytest.TempPathFactory) -> Clock:
    return Clock(tmp_path_factory.mktemp('clock') / 'clock')


@pytest.fixture(scope='module')
def here(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[Lasting]:
    given = {'app': 'tests.faults.clock_app:api', 'CLOCK': str(clock.file)}
    with lasting(tmp_path_factory.mktemp('here'), **given) as here:
        yield here
        here.end()


def test_order_and_takeover(here: Lasting, clock: Clock) -> None:
    """Runs are done in the order in which they were asked for, and taken over, at any time."""
    here.client.done(here.client.create('web', inputs('a')))
    asked = []
    with here.held():
        for number, seconds in enumerate((0, -DAY, DAY, -2 * DAY)):
            clock.step(seconds)
            given = {'text': f'text-{number}'}
            asked.append(here.client.start('web', 'update', inputs=given, queue=True))
        here.wait_until_held('update')
        clock.step(-3 * DAY)
        here.restart()
    for run in asked:
        here.client.done(run)
    assert DIED in here.client.log(asked[0])
    updates = [line for line in here.done() if line == 'update stack.web-a']
    assert len(updates) == len(asked)
    assert (here.files / 'stack.web-a').read_text().startswith('text-3 ')
    newest_first = [run['id'] for run in here.all_runs()]
    assert newest_first[: len(asked)] == [run['id'] for run in reversed(asked)]
    here.assert_files()


@pytest.mark.parametrize('seconds', [-DAY, DAY])
def test_waiting(here: Lasting, clock: Clock, seconds: float) -> None:
    """A client that waits for a run does so for the time that it gave, whatever the clock says."""
    clock.step(0)
    name = 'back' if seconds < 0 else 'ahead'
    here.client.done(here.client.create(name, inputs('a')))
    with here.held():
        begun = time.monotonic()
        clock.step(seconds)
        body = {'operation': 'update', 'inputs': {'text': 'new'}}
        run = here.client.order('POST', f'/stacks/{name}/runs', body, Prefer='wait=2')
        assert 2 <= time.monotonic() - begun < 10
        assert run['state'] == 'running'
    here.client.done(run)
    here.assert_files()
