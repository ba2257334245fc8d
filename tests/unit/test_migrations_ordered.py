"""Migrations in the records: who may ask for what, and what comes of it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrations.plans import REFUSED, Note, Part, Plan, Table
from migrations.sources.sqlite import SqliteSource
from stacks.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from stacks.migrating import reach
from stacks.operation.inventory import Inventory
from stacks.records import Migration
from stacks.requests import End, Key, NewMigration, RunFilter
from stacks.store import inventories, stacks
from stacks.store.tables import migrations as table
from stacks.store.tables import runs as run_table
from tests.records import ANNA, BEN, OPERATOR, READER, SECRET, Site, add_stack, vault

TARGET = f'postgresql://anna:{SECRET}@db.example.com/goods'
WISH = NewMigration(End(url='sqlite:///data/a.db'), End(url=TARGET))


@pytest.fixture
def site(site: Site) -> Site:
    allowed: dict[str, Any] = {'migration_hosts': 'db.example.com', 'migration_folders': '/data'}
    return replace(site, settings=replace(site.settings, **allowed))


def ended(site: Site, migration: Migration, state: str = 'succeeded', **values: Any) -> None:
    """Have the last run of a migration have ended so."""
    site.change_run(migration.run, state=state)
    with site.database.writing() as connection:
        where = table.c.id == migration.id
        connection.execute(table.update().where(where).values(**{'is_begun': True, **values}))


def test_ordered(site: Site) -> None:
    """A migration that is asked for waits as a run, and shows its ends without passwords."""
    found = site.platform.migrations.create(ANNA, WISH)
    assert (found.operation, found.state, found.caller) == ('migrate', 'queued', 'anna')
    assert found.source == 'sqlite:/data/a.db'
    assert found.target == 'postgres://anna@db.example.com:5432/goods'
    run = site.platform.run(ANNA, found.run)
    assert (run.operation, run.stack, run.inputs) == ('migrate', '', {'migration': found.id})


def test_secret_is_sealed(site: Site) -> None:
    """Neither table has a password in clear."""
    site.platform.migrations.create(ANNA, WISH)
    with site.database.reading() as connection:
        rows = [*connection.execute(table.select()), *connection.execute(run_table.select())]
    assert SECRET not in str(rows)
    assert vault().decrypt(rows[0].secret['target']).startswith(f'postgresql://anna:{SECRET}@')


def test_others_see_nothing(site: Site) -> None:
    """Migrations and their runs are their caller's own and the operators'."""
    found = site.platform.migrations.create(ANNA, WISH)
    platform = site.platform
    for ask in (
        lambda: platform.migrations.one(BEN, found.id),
        lambda: platform.migrations.abandon(BEN, found.id),
        lambda: platform.run(BEN, found.run),
        lambda: platform.log(BEN, found.run, 0, 9),
        lambda: platform.cancel(BEN, found.run),
    ):
        with pytest.raises(NotFoundError):
            ask()
    for caller, count in ((ANNA, 1), (OPERATOR, 1), (BEN, 0), (READER, 0)):
        assert len(platform.migrations.all(caller, 10, None).items) == count
        assert len(platform.runs(caller, RunFilter(), 10, None).items) == count
    with pytest.raises(ForbiddenError):
        platform.migrations.create(READER, WISH)


@pytest.mark.parametrize(
    ('given', 'pointer'),
    [
        ({'target': End(url='postgresql://a@other.example.com/x')}, '/target/url'),
        ({'target': End(url='sqlite:///data/b.db')}, '/target/url'),
        ({'target': End(url='nonsense')}, '/target/url'),
        ({'target': End(url='postgresql://a%00@db.example.com/x')}, '/target/url'),
        ({'source': End(url='sqlite:///data/\ud800')}, '/source/url'),
        ({'source': End(url='sqlite:///data/a%00')}, '/source/url'),
        ({'target': End(stack='a\0')}, '/target/stack'),
        ({'target': End()}, '/target'),
        ({'target': End(stack='none')}, '/target/stack'),
        ({'source': End(url='sqlite:///etc/passwd')}, '/source/url'),
        ({'source': End(url='sqlite:///data/../etc/passwd')}, '/source/url'),
        ({'source': End(url=TARGET, stack='one')}, '/source'),
        ({'schema': ''}, '/schema'),
        ({'tables': ('a\0',)}, '/tables'),
        ({'types': (('a.b', 'int); DROP TABLE c; --'),)}, '/types'),
        ({'allow_rejects': 10**6}, '/allow_rejects'),
    ],
)
def test_flaws(site: Site, given: Any, pointer: str) -> None:
    """What cannot be used is named by its place, and nothing is queued."""
    with pytest.raises(InvalidError) as caught:
        site.platform.migrations.create(ANNA, replace(WISH, **given))
    assert [flaw.pointer for flaw in caught.value.flaws] == [pointer]
    assert SECRET not in str(caught.value)
    assert site.platform.migrations.all(ANNA, 10, None).items == []


def test_stack_as_target(site: Site) -> None:
    """The output `url` of a stack is a target for its owner, also where no host is allowed."""
    nowhere = replace(site, settings=replace(site.settings, migration_hosts=''))
    url = f'postgresql://own:{SECRET}@127.0.0.1:5433/own'
    with site.database.writing() as connection:
        row = add_stack(connection, 'db')
        sealed = {'url': vault().encrypt(json.dumps(url))}
        inventories.replace(connection, row.id, Inventory([], sealed))
    wish = replace(WISH, target=End(stack='db'))
    found = nowhere.platform.migrations.create(ANNA, wish)
    assert found.target == 'stack db'
    with pytest.raises(ForbiddenError):
        nowhere.platform.migrations.create(BEN, wish)
    with pytest.raises(InvalidError):
        nowhere.platform.migrations.create(ANNA, replace(wish, source=End(url=url)))


def test_sent_twice(site: Site) -> None:
    """The same request with the same key comes to one migration."""
    wish = replace(WISH, key=Key('mine', 'fingerprint'))
    first, second = (site.platform.migrations.create(ANNA, wish) for _ in range(2))
    assert first == second
    with pytest.raises(ConflictError):
        site.platform.migrations.create(ANNA, replace(WISH, key=Key('mine', 'other')))


MADE = Plan('sqlite:/data/a.db', 'stack db', 'public', ())
Ask = Callable[[Any, str], object]


@pytest.mark.parametrize(
    ('plan', 'state', 'ask', 'operation'),
    [
        (True, 'succeeded', lambda all, id: all.run(ANNA, id), 'migrate'),
        (True, 'failed', lambda all, id: all.resume(ANNA, id), 'plan'),
        (False, 'cancelled', lambda all, id: all.resume(ANNA, id), 'migrate'),
        (False, 'interrupted', lambda all, id: all.resume(ANNA, id, 5), 'migrate'),
        (False, 'failed', lambda all, id: all.abandon(ANNA, id), 'abandon'),
    ],
    ids=['plan', 'failed plan', 'cancelled', 'interrupted', 'failed'],
)
def test_goes_on(site: Site, plan: bool, state: str, ask: Ask, operation: str) -> None:
    """What has ended goes on as a run of its own: run, resumed or abandoned."""
    all = site.platform.migrations
    first = all.create(ANNA, replace(WISH, plan=plan))
    ended(site, first, state, plan=MADE.as_data())
    ask(all, first.id)
    now = all.one(ANNA, first.id)
    assert (now.operation, now.state) == (operation, 'queued')
    assert now.run != first.run


@pytest.mark.parametrize(
    ('plan', 'state', 'ask'),
    [
        (True, 'running', lambda all, id: all.run(ANNA, id)),
        (True, 'failed', lambda all, id: all.run(ANNA, id)),
        (False, 'succeeded', lambda all, id: all.run(ANNA, id)),
        (False, 'succeeded', lambda all, id: all.resume(ANNA, id)),
        (False, 'running', lambda all, id: all.resume(ANNA, id)),
        (False, 'running', lambda all, id: all.abandon(ANNA, id)),
    ],
    ids=['running plan', 'failed plan', 'done', 'done, resumed', 'on, resumed', 'on, abandoned'],
)
def test_not_now(site: Site, plan: bool, state: str, ask: Ask) -> None:
    """What has nothing to go on with, or is under way, is left as it is."""
    all = site.platform.migrations
    first = all.create(ANNA, replace(WISH, plan=plan))
    ended(site, first, state)
    with pytest.raises(ConflictError):
        ask(all, first.id)
    assert all.one(ANNA, first.id).run == first.run


def test_refused_plan(site: Site) -> None:
    """A plan with something in its way is refused where its run is asked for."""
    first = site.platform.migrations.create(ANNA, replace(WISH, plan=True))
    made = replace(MADE, notes=(Note(REFUSED, 'no room for it'),))
    ended(site, first, plan=made.as_data())
    with pytest.raises(ConflictError, match='no room for it') as caught:
        site.platform.migrations.run(ANNA, first.id)
    assert caught.value.kind == 'plan-refused'


def test_outdated_plan(site: Site, tmp_path: Path) -> None:
    """A plan of a file whose tables have changed since is refused where its run is asked for."""
    file = tmp_path / 'a.db'
    with closing(sqlite3.connect(file)) as connection:
        connection.execute('CREATE TABLE a (i integer)')
    with closing(SqliteSource(file)) as source:
        fingerprint = source.fingerprint(['a'])
    near = replace(site, settings=replace(site.settings, migration_folders=str(tmp_path)))
    wish = replace(WISH, source=End(url=f'sqlite://{file}'), plan=True)
    first, second = (near.platform.migrations.create(ANNA, wish) for _ in range(2))
    table = Table('a', (), parts=(Part('main', 'a'),))
    made = replace(MADE, tables=(table,), fingerprint=fingerprint)
    for each in (first, second):
        ended(near, each, plan=made.as_data())
    near.platform.migrations.run(ANNA, first.id)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute('ALTER TABLE a ADD b text')
    with pytest.raises(ConflictError) as caught:
        near.platform.migrations.run(ANNA, second.id)
    assert caught.value.kind == 'plan-outdated'


def test_of_whom_it_is(site: Site) -> None:
    """What an operator has go on is seen, and can be cancelled, by whose migration it is."""
    first = site.platform.migrations.create(ANNA, WISH)
    ended(site, first, 'failed', plan=MADE.as_data())
    again = site.platform.migrations.resume(OPERATOR, first.id)
    assert site.platform.cancel(ANNA, again.run).state == 'cancelled'


def test_looked_at_only(site: Site) -> None:
    """Whose token is one of a reader by now removes nothing any more."""
    found = site.platform.migrations.create(ANNA, WISH)
    ended(site, found, 'failed', plan=MADE.as_data())
    with pytest.raises(ForbiddenError):
        site.platform.migrations.abandon(replace(READER, name='anna'), found.id, forget=True)
    assert site.platform.migrations.one(ANNA, found.id).state == 'failed'


@pytest.mark.parametrize(('owner', 'password'), [('anna', 'new'), ('ben', 'old')])
def test_stack_of_this_name_by_now(site: Site, owner: str, password: str) -> None:
    """What an operator has go on does not move to another one's stack of the same name."""
    with site.database.writing() as connection:
        row = add_stack(connection, 'db')
        inventories.replace(connection, row.id, database('old'))
    first = site.platform.migrations.create(ANNA, replace(WISH, target=End(stack='db')))
    ended(site, first, 'failed', plan=MADE.as_data())
    with site.database.writing() as connection:
        stacks.change(connection, row.id, owner=owner)
        inventories.replace(connection, row.id, database('new'))
    site.platform.migrations.resume(OPERATOR, first.id)
    with site.database.reading() as connection:
        sealed = connection.execute(table.select()).one().secret['target']
    assert f':{password}@' in vault().decrypt(sealed)


def database(password: str) -> Inventory:
    """Return what a stack has that is a database."""
    url = f'postgresql://own:{password}@127.0.0.1:5433/own'
    return Inventory([], {'url': vault().encrypt(json.dumps(url))})


def test_reachable(site: Site) -> None:
    """Somebody is offered their own stacks that are databases, and operators all."""
    with site.database.writing() as connection:
        for name, outputs in (('one', {'url': '[secret]'}), ('two', {'url': 'http://x'})):
            row = add_stack(connection, name)
            stacks.change(connection, row.id, outputs=outputs)
    for caller, names in ((ANNA, ('one',)), (OPERATOR, ('one',)), (BEN, ())):
        found = site.platform.migrations.reachable(caller)
        assert (found.stacks, found.hosts) == (names, ('db.example.com',))


def test_gone_at_once(site: Site) -> None:
    """Where nothing can be in the target, or that is left alone, a migration goes at once."""
    all = site.platform.migrations
    for values, forget in (({'secret': {}}, False), ({'is_begun': False}, False), ({}, True)):
        found = all.create(ANNA, WISH)
        ended(site, found, 'failed', **{'plan': {}, **values})
        assert all.abandon(ANNA, found.id, forget) is None
        with pytest.raises(NotFoundError):
            all.one(ANNA, found.id)


@pytest.mark.parametrize('id', ['none', 'a\0', '\ud800', 'x' * 100, '../x'])
def test_unknown(site: Site, id: str) -> None:
    """There is no migration of an id that none has, whatever is in it."""
    with pytest.raises(NotFoundError):
        site.platform.migrations.one(ANNA, id)


def test_pages(site: Site) -> None:
    """Migrations come in pages, the newest first, without what is long."""
    all = site.platform.migrations
    ids = [all.create(ANNA, WISH).id for _ in range(3)]
    first = all.all(ANNA, 2, None)
    second = all.all(ANNA, 2, first.next)
    assert [each.id for each in (*first.items, *second.items)] == ids[::-1]
    assert second.next is None


def test_room(site: Site) -> None:
    """One caller cannot fill the queue."""
    for _ in range(20):
        site.platform.migrations.create(ANNA, WISH)
    with pytest.raises(ConflictError) as caught:
        site.platform.migrations.create(ANNA, WISH)
    assert caught.value.kind == 'queue-full'


def test_copies_are_removed(site: Site) -> None:
    """Copies of SQLite files go that are of no migration any more."""
    found = site.platform.migrations.create(ANNA, WISH)
    folder = reach.work_folder(site.settings)
    mine, other = (folder / f'migration-{id}.db' for id in (reach.staging_id(found.id), 'gone'))
    for file in (mine, other):
        file.touch()
    reach.remove_copies_but(site.settings, {found.id})
    assert (mine.exists(), other.exists()) == (True, False)
