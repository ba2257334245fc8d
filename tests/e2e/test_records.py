"""The platform's records in a PostgreSQL that many services share."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from standardwebhooks import Webhook

from stacks.errors import ConflictError, UnavailableError
from stacks.moments import now
from stacks.records import Run
from stacks.requests import Key, NewRun
from stacks.running.presence import LOOKS, ConnectionPresence
from stacks.store import database, deliveries, events, logs, runs
from stacks.store.database import Database
from stacks.store.tables import metadata
from tests import records, telling
from tests.chatting import Chatting
from tests.doers import Doer, FakeOperator, await_that
from tests.postgres import Database as Server
from tests.postgres import postgres
from tests.records import ANNA, Site, order, write_program
from tests.telling import Told
from tests.triggers import WHSEC, Trying, alert

KEY = Key('mine', 'fingerprint')
CALLERS = 20

Begin = Callable[[str], ConnectionPresence]


@pytest.fixture(scope='module')
def server() -> Iterator[Server]:
    with postgres() as found:
        yield found


@pytest.fixture
def connect(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], Site]]:
    """Return a function that opens the records, which are new for each test."""
    monkeypatch.setenv('PGPASSFILE', str(server.passfile))
    with server.connect() as connection:
        connection.execute('DROP SCHEMA public CASCADE')
        connection.execute('CREATE SCHEMA public')
    made: list[Site] = []

    def open_records() -> Site:
        made.append(records.site(tmp_path, database_url=server.url))
        return made[-1]

    yield open_records
    for site in made:
        site.database.close()


@pytest.fixture
def site(connect: Callable[[], Site]) -> Site:
    return connect()


def at_once(order_one: Callable[[int], Run]) -> list[str]:
    """Order from many threads at once; return the runs' ids, or what stood in the way."""

    def attempt(number: int) -> str:
        try:
            return order_one(number).id
        except ConflictError as error:
            return error.kind

    with ThreadPoolExecutor(CALLERS) as pool:
        return list(pool.map(attempt, range(CALLERS)))


def test_tables(connect: Callable[[], Site]) -> None:
    """Services that come up at once find exactly the tables that the code knows."""
    with ThreadPoolExecutor(4) as pool:
        sites = list(pool.map(lambda _: connect(), range(4)))
    with sites[0].database.reading() as connection:
        options = {'version_table': 'platform_version', 'compare_type': True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_same_key_at_once(site: Site) -> None:
    """Of many of the same order at once, all come to one run, for a new stack and for one."""
    found = at_once(lambda _: site.platform.create(ANNA, order(key=KEY)))
    assert [row.id for row in site.runs('one')] == [*set(found)]
    site.change_run(found[0], state='succeeded')
    request = NewRun('update', key=Key('another', 'fingerprint'))
    found = at_once(lambda _: site.platform.start(ANNA, 'one', request))
    assert [row.id for row in site.runs('one')][1:] == [*set(found)]


def test_same_name_at_once(site: Site) -> None:
    """Of many who want the same name at once, one gets it, and the others are told."""
    found = at_once(lambda _: site.platform.create(ANNA, order()))
    assert found.count('name-taken') == CALLERS - 1


def test_claims_at_once(site: Site) -> None:
    """Of many who take runs at once, no two get the same, or two of one stack."""
    waiting = NewRun('refresh', queue=True)
    for number in range(4):
        site.platform.create(ANNA, order(f's{number}'))
        site.platform.start(ANNA, f's{number}', waiting)

    def claim(number: int) -> str | None:
        try:
            with site.database.writing() as connection:
                row = runs.claim(connection, f'service-{number}')
        except sa.exc.IntegrityError:
            return None
        return str(row.stack) if row else None

    with ThreadPoolExecutor(8) as pool:
        found = [stack for stack in pool.map(claim, range(8)) if stack]
    assert len(found) == len(set(found))
    assert found


def test_done_by_many(site: Site) -> None:
    """Services share a queue: each run is done once, while its stack is changed beside it."""
    doers = [Doer(site, FakeOperator(), f'service-{number}') for number in range(3)]
    for doer in doers:
        doer.start()
    ordered = [site.platform.create(ANNA, order(f's{number}')) for number in range(12)]
    for number in range(12):
        site.platform.change(ANNA, f's{number}', {'description': 'x'}, None)
    for run in ordered:
        found = site.platform.wait(ANNA, run.id, 20)
        assert (found.state, found.attempts) == ('succeeded', 1)
        assert site.platform.log(ANNA, run.id, 0, 100).text == f'update of {run.stack}\n'
    for doer in doers:
        doer.close()


def cancelled(site: Site, run: Run) -> bool:
    """Cancel a run, and tell whether that was in time."""
    try:
        site.platform.cancel(ANNA, run.id)
    except ConflictError:
        return False
    return True


def test_cancels_beside_ends(site: Site) -> None:
    """Runs that end as they are cancelled end well, and nobody waits for another for ever."""
    doer = Doer(site, FakeOperator())
    doer.start()
    for number in range(20):
        run = site.platform.create(ANNA, order(f's{number}'))
        while cancelled(site, run):
            pass
        assert site.platform.run(ANNA, run.id).state in ('succeeded', 'cancelled')
    doer.close()


def test_log_with_any_letters(site: Site) -> None:
    """A log comes back as it was written."""
    run = site.platform.create(ANNA, order())
    text = 'ä € 🙂\n' * 100
    with site.database.writing() as connection:
        logs.append(connection, run.id, 0, text)
        assert logs.read(connection, run.id, 0, 10_000).decode() == text


@pytest.fixture
def begin(site: Site) -> Iterator[Begin]:
    """Return a function that makes a service of a name be there."""
    begun: list[ConnectionPresence] = []

    def begin_one(name: str) -> ConnectionPresence:
        begun.append(ConnectionPresence(site.database, name))
        return begun[-1]

    yield begin_one
    for each in begun:
        each.close()


def looks(at: ConnectionPresence, name: str) -> list[bool]:
    return [at.is_dead(name) for _ in range(LOOKS)]


def test_presence(begin: Begin) -> None:
    """A service is dead when it was not seen some times in turn; one that lives never is."""
    me, other = begin('me'), begin('other')
    assert me.is_sure()
    assert looks(me, 'other') == [False] * LOOKS
    assert looks(me, 'nobody') == [False] * (LOOKS - 1) + [True]
    other.close()
    await_that(lambda: me.is_dead('other'))


def test_cut_unseen(begin: Begin) -> None:
    """A service waits for its own lock, which the server holds for it still, only for a while."""
    begin('me')
    with pytest.raises(UnavailableError):
        begin('me')


def end_connections(server: Server) -> None:
    with server.connect() as connection:
        connection.execute(
            # Each is awaited, up to a limit in ms: else it may go on for a moment.
            'SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity '
            "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )


def test_cut_off(begin: Begin, server: Server) -> None:
    """A service whose connection was cut judges nobody until it is seen again."""
    me = begin('me')
    end_connections(server)
    assert looks(me, 'nobody') == [False] * LOOKS
    await_that(me.is_sure)
    assert looks(me, 'nobody')[-1]


def test_connections_cut(site: Site, server: Server) -> None:
    """While connections are cut again and again, every run is done, and says so."""
    doer = Doer(site, FakeOperator())
    doer.start()
    ended = threading.Event()

    def cut() -> None:
        while not ended.wait(0.2):
            end_connections(server)

    cutter = threading.Thread(target=cut)
    ordered = [site.platform.create(ANNA, order(f's{number}')) for number in range(20)]
    cutter.start()
    await_that(lambda: len(doer.operator.tasks) >= 10)
    ended.set()
    cutter.join()
    for run in ordered:
        assert site.platform.wait(ANNA, run.id, 20).state == 'succeeded'
    doer.close()


def test_wrong_server(tmp_path: Path) -> None:
    """A server that is not there is told of, without a password."""
    url = 'postgresql://user:planted@127.0.0.1:1/name'
    with pytest.raises(database.DatabaseError, match='cannot be used: ') as told:
        database.connect(url, tmp_path)
    assert 'planted' not in str(told.value)


def test_shared(site: Site) -> None:
    """Such records are shared by hosts."""
    assert isinstance(site.database, Database)
    assert site.database.is_shared


def test_calls_at_once(connect: Callable[[], Site]) -> None:
    """Services that receive and decide at once have an alert move its stack once."""
    sites = [connect() for _ in range(3)]
    services = [Trying(each) for each in sites]
    with ThreadPoolExecutor(12) as pool:
        received = [pool.submit(each.receive, alert()) for each in services * 10]
        decided = [pool.submit(each.work) for each in services * 2]
        for call in received:
            call.result()
        for look in decided:
            look.result()
    services[0].work()
    outcomes = services[0].outcomes()
    assert sorted(outcomes) == ['renewed'] * 29 + ['started']
    assert len(sites[0].runs('cap-shop')) == 1


def test_same_delivery_at_once(connect: Callable[[], Site]) -> None:
    """The same delivery to several services at once is one."""
    secret = WHSEC
    services = [Trying(each) for each in (connect(), connect())]
    for each in services:
        each.secret.write_text(secret)
        each.write('[source.am]\nkind = "standard"\nsecret_file = "{secret}"\n')
    body = b'{"type": "deploy.done"}'
    moment = datetime.now(timezone.utc)
    headers = {
        'webhook_id': 'msg_1',
        'webhook_timestamp': str(int(moment.timestamp())),
        'webhook_signature': Webhook(secret).sign('msg_1', moment, body.decode()),
    }
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(each.receive, body, **headers) for each in services * 8]
        outcomes = [each.result()[0].outcome for each in calls]
    assert sorted(outcomes) == ['repeated'] * 15 + ['unmatched']


def test_said_at_once(connect: Callable[[], Site], tmp_path: Path) -> None:
    """Who asks in a chat for what others ask for at once is told so, or that it is there."""
    site = connect()
    write_program(tmp_path / 'catalogue' / 'plain', 'plain', {'size': {'type': 'integer'}})
    chatting = Chatting(site)

    def say(number: int) -> str:
        told = chatting.say('up web plain size=3', trigger_id=f'trigger-{number}')
        return str(told['text'])

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(say, range(CALLERS)))
    assert sum('is queued' in each for each in told) == 1
    assert [each for each in told if not ('is queued' in each or each.startswith('❌'))] == []
    assert len(site.runs('web')) == 1


def test_notifications(connect: Callable[[], Site], tmp_path: Path) -> None:
    """Of many services, one tells of each event, and what one has taken that died goes on."""
    site = connect()
    file = tmp_path / 'notifications.toml'
    file.write_text(telling.ONE)
    told = [Told(site, file, name=f'service-{number}') for number in range(4)]
    for number in range(8):
        telling.end_run(site, f'web-{number}')
    with site.database.writing() as connection:
        events.warn(connection, now() + timedelta(hours=1), timedelta(hours=1))
    with ThreadPoolExecutor(len(told)) as pool:
        list(pool.map(Told.look, told))
    sent = [each[2]['Webhook-Id'] for one in told for each in one.outbound.sent]
    assert len(sent) == len(set(sent)) == 8
    assert {each.state for each in told[0].all()} == {'delivered'}
    telling.end_run(site, 'last')
    told[0].spread()
    with site.database.writing() as connection:
        [due] = deliveries.due(connection, [], 10)
        assert deliveries.claim(connection, due.number, 'dead')
        assert deliveries.executors(connection) == {'dead'}
        deliveries.release(connection, 'dead')
        deliveries.remove_ended(connection, now())
    told[1].look()
    assert [each.stack for each in told[0].all()] == ['last']
