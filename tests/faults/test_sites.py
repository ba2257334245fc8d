"""Sites, while what they need is killed around them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.doers import await_that
from tests.faults.conftest import Rounds
from tests.faults.lasting import Lasting, lasting
from tests.object_store import Store, page
from tests.platform import Client

PROGRAM = 'static-site'
CLIENTS = 8
# A run takes less than this, so that some are hit in each of their steps.
LATEST = 0.6
MOST_TRIES = 4
# In the bounded form, what dies of those that take long to come back dies in these alone.
BOUNDED = {
    'engine': ('update', 'destroy'),
    'worker': ('create', 'update'),
    'service': ('create', 'destroy'),
}
Run = dict[str, Any]


@pytest.fixture(scope='module')
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lasting]:
    """A platform with an object store, which are up again when a test ends."""
    with lasting(tmp_path_factory.mktemp('here')) as here:
        # The store comes up for the first site.
        here.client.done(order(here.client, 'first', 'create'))
        here.client.done(here.client.destroy('first'))
        yield here
        store = Store(here.site.service.state)
        here.end()
        await_that(lambda: not store.processes())


def given(text: str) -> dict[str, Any]:
    """Return the inputs of a site of some files."""
    return {'content': text, 'files': {'a.txt': text, 'b/c.css': text}}


def order(client: Client, name: str, operation: str) -> Run:
    """Order what is done with a site."""
    orders: dict[str, Callable[[], Run]] = {
        'create': lambda: client.create(name, given('first'), program=PROGRAM),
        'update': lambda: client.start(name, 'update', inputs=given('second')),
        'refresh': lambda: client.start(name, 'refresh', accept=True),
        'destroy': lambda: client.destroy(name),
    }
    return orders[operation]()


def assert_each_has_its_bucket(here: Lasting, store: Store, text: str) -> None:
    """Assert that every site is served from its bucket, and that there is no other one."""
    stacks = here.client.get('/stacks?limit=200')['items']
    assert set(store.buckets()) == {stack['outputs']['bucket'] for stack in stacks}
    for stack in stacks:
        url = stack['outputs']['website_url']
        found = [page(url, name).text for name in ('', 'a.txt', 'b/c.css')]
        assert found == [text] * 3


SELDOM = [pytest.param(each, marks=pytest.mark.slow) for each in ('engine', 'provider', 'worker')]


@pytest.mark.parametrize('victim', ['store', 'service', *SELDOM])
def test_killed_around_sites(
    here: Lasting,
    rounds: Rounds,
    whole: bool,
    victim: str,
    seed: int,
) -> None:
    """SIGKILL at any moment leaves no bucket without its stack, and no stack without its bucket."""
    moments = random.Random(seed)
    store = Store(here.site.service.state)
    for number in range(rounds(1, 8)):
        name = f'{victim}-{number}'
        for operation, text in (
            ('create', 'first'),
            ('update', 'second'),
            ('refresh', 'second'),
            ('destroy', 'second'),
        ):
            run = order(here.client, name, operation)
            if whole or operation in BOUNDED.get(victim, operation):
                time.sleep(moments.uniform(0, LATEST))  # a moment of its own each time
                strike(here, store, victim)
            here.bring_to_its_end(run, order, name, operation, tries=MOST_TRIES)
            await_that(lambda: is_up(store))
            assert_each_has_its_bucket(here, store, text)


def strike(here: Lasting, store: Store, victim: str) -> None:
    """Kill something; a provider may not be there at that moment."""
    if victim == 'store':
        await_that(store.processes)
        here.kill_all(store.processes())
    else:
        here.strike(victim)


def is_up(store: Store) -> bool:
    """Tell whether the object store answers."""
    try:
        store.buckets()
    except Exception:
        return False
    return True


@pytest.mark.slow
def test_many_sites(here: Lasting, rounds: Rounds) -> None:
    """Many sites, made and destroyed by many clients at once, all end rightly, and none is left."""
    count = rounds(CLIENTS // 2, 50)

    def live(name: str) -> None:
        client = Client(here.site.service.url)
        client.done(client.create(name, given(name), program=PROGRAM))
        url = client.get(f'/stacks/{name}/outputs')['website_url']
        assert page(url, 'b/c.css').text == name
        client.done(client.destroy(name))

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(live, [f'site-{number}' for number in range(count)]))
    assert Store(here.site.service.state).buckets() == []
