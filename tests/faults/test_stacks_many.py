"""Many stacks, and many clients at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import processes
from tests.faults.conftest import Rounds
from tests.faults.lasting import Lasting, lasting
from tests.platform import Client, inputs

CLIENTS = 8
MOST_GROWTH = 1.3
# MB: of the service, and of two engines, which grow with their runs until they are replaced.
MOST_MEMORY = 200 + 2 * 400
# What the state folder has beside the records and the backend when there are no stacks.
KEPT = {'backend', 'home', 'passphrase', 'platform.db', 'platform.db.lock'}
KEPT |= {'programs', 'services', 'slots', 'workers'}


@pytest.mark.slow
def test_many_stacks(
    tmp_path: Path, rounds: Rounds, record_property: Callable[[str, object], None]
) -> None:
    """Many stacks live side by side: all end rightly, memory stays, and no file is left."""
    count = rounds(10, 200)
    with lasting(tmp_path, WORKERS='2') as here:
        live(here, range(count // 5))
        at_first = memory(here.service())
        live(here, range(count // 5, count))
        at_last = memory(here.service())
        in_all = memory(list(here.processes()))
        record_property(
            'notes',
            f'MB of the service after a fifth {at_first:.0f}, at the end {at_last:.0f}, '
            f'with its engines {in_all:.0f}',
        )
        here.assert_ended()
        assert len(here.all_runs()) == 3 * count
        assert {run['state'] for run in here.all_runs()} == {'succeeded'}
        here.end()
        assert_only_records(here)
    assert at_last < MOST_GROWTH * at_first
    assert in_all < MOST_MEMORY


def live(here: Lasting, numbers: range) -> None:
    """Have stacks be created, updated and destroyed, CLIENTS at once."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(lambda number: one_life(here, f'stack-{number}'), numbers))


def one_life(here: Lasting, name: str) -> None:
    client = Client(here.site.service.url)
    client.done(client.create(name, inputs('a', 'b')))
    client.done(client.start(name, 'update', inputs={'names': ['b', 'c']}))
    assert here.site.existing(name) == {'b', 'c'}
    client.done(client.destroy(name))


def memory(pids: list[int]) -> float:
    """Return the memory of processes, in MB."""
    return sum(map(processes.resident, pids)) / 1e6


def assert_only_records(here: Lasting) -> None:
    state = here.site.service.state
    found = {path.name for path in state.iterdir()}
    assert found <= KEPT, found
    assert not list((state / 'services').iterdir())
    assert not list((state / 'programs').rglob('Pulumi.stack.*'))
    assert len(list((state / 'programs').iterdir())) <= 1
    backend = state / 'backend' / '.pulumi'
    assert [path.name for path in backend.rglob('*') if path.is_file()] == ['meta.yaml']
    assert list(backend.rglob('stack.*')) == []
