"""What pages and people ask for beyond a stack's record: what is urgent, in it, and secret."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest

from stacks import programs
from stacks.errors import ForbiddenError, NotFoundError
from stacks.moments import now
from stacks.operation.inventory import Inventory
from stacks.records import Run
from stacks.requests import NewRun, RunFilter, StackFilter
from stacks.sessions import LONGEST, LONGEST_IDLE, Sessions, fingerprint
from stacks.store import inventories, sessions
from stacks.store.tables import sessions as table
from tests.records import ANNA, BEN, OPERATOR, READER, Site, order, vault
from web.identity import Caller

LIMITED = Caller('anna', 'operator', frozenset({'other'}))
RESOURCES: list[dict[str, Any]] = [
    {'urn': 'u', 'type': 't', 'name': 'n', 'id': None, 'parent': None, 'depends_on': []}
]


@pytest.fixture
def run(site: Site) -> Run:
    """The run that makes the stack `one`, of which is known what it consists of."""
    made = site.platform.create(ANNA, order())
    with site.database.writing() as connection:
        sealed = {'password': vault().encrypt('{"a": "planted"}')}
        inventories.replace(connection, site.stack('one').id, Inventory(RESOURCES, sealed))
    return made


def test_urgency(site: Site) -> None:
    """Stacks with problems come first, then those that expire soonest, then by name."""
    moments = {'late': timedelta(days=3), 'soon': timedelta(hours=1), 'never': None, 'bad': None}
    for name, left in moments.items():
        site.platform.create(ANNA, order(name))
        site.change_stack(name, expires_at=now() + left if left else None)
    site.platform.create(ANNA, order('also-never'))
    site.change_stack('bad', state='failed')
    first = site.platform.listed(ANNA, StackFilter(), 3, 0)
    assert [each.stack.name for each in first.items] == ['bad', 'soon', 'late']
    assert [each.last_run.operation for each in first.items if each.last_run] == ['update'] * 3
    rest = site.platform.listed(ANNA, StackFilter(), 3, int(first.next or 0))
    assert ([each.stack.name for each in rest.items], rest.next) == (['also-never', 'never'], None)


@pytest.mark.parametrize(
    ('text', 'found'), [('WEB', ['web-a']), ('e_', []), ('%', []), ('100', ['other']), ('', None)]
)
def test_text(site: Site, text: str, found: list[str] | None) -> None:
    """A text is looked for in names and descriptions as it stands, in whatever case."""
    site.platform.create(ANNA, order('web-a'))
    site.platform.create(ANNA, order('other', description='of 100 things'))
    where = StackFilter(text=text)
    wanted = ['other', 'web-a'] if found is None else found
    assert [each.name for each in site.platform.stacks(ANNA, where, 9, None).items] == wanted


def test_resources(site: Site, run: Run) -> None:
    """What a stack consists of is seen by those who see the stack, and is gone with it."""
    assert site.platform.resources(READER, 'one') == RESOURCES
    with pytest.raises(NotFoundError):
        site.platform.resources(LIMITED, 'one')
    site.platform.create(ANNA, order('new'))
    assert site.platform.resources(READER, 'new') == []
    site.change_run(run.id, state='succeeded', ended_at=now())
    site.platform.forget(OPERATOR, 'one', None)
    with site.database.reading() as connection:
        assert inventories.of_stack(connection, 1) == Inventory([], {})


def test_reveal(site: Site, run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """A secret output is told to its owner and to operators, and the audit log notes it."""
    caplog.set_level(logging.INFO)
    for caller in (ANNA, OPERATOR):
        assert site.platform.reveal(caller, 'one', 'password') == {'a': 'planted'}
    assert [record.name for record in caplog.records].count('audit') == 2
    assert 'planted' not in caplog.text
    for other in (BEN, READER):
        with pytest.raises(ForbiddenError):
            site.platform.reveal(other, 'one', 'password')
    with pytest.raises(NotFoundError):
        site.platform.reveal(ANNA, 'one', 'plain')


def test_preview_first(site: Site) -> None:
    """A stack may begin with a preview, which the update that makes it is decided by."""
    made = site.platform.create(ANNA, order(preview=True))
    assert (made.operation, site.stack('one').state) == ('preview', 'creating')
    digest = programs.digest(site.settings.programs_dir / 'token')
    site.change_run(made.id, state='succeeded', ended_at=now(), digest=digest)
    update = site.platform.start(ANNA, 'one', NewRun('update', preview=made.id))
    assert update.preview == made.id


def test_preview_withdrawn(site: Site) -> None:
    """A new stack whose first preview is cancelled in the queue is still to be made."""
    made = site.platform.create(ANNA, order(preview=True))
    assert site.platform.cancel(ANNA, made.id).state == 'cancelled'
    assert site.stack('one').state == 'creating'


def test_seconds_of_updates(site: Site, run: Run) -> None:
    """How long a program takes is told from its updates that succeeded."""
    begun = now()
    ended = {'started_at': begun, 'ended_at': begun + timedelta(seconds=3)}
    assert site.platform.seconds_of_updates(ANNA, run.program, 9) == []
    site.change_run(run.id, state='failed', **ended)
    assert site.platform.seconds_of_updates(ANNA, run.program, 9) == []
    site.change_run(run.id, state='succeeded', **ended)
    assert site.platform.seconds_of_updates(ANNA, run.program, 9) == [3.0]
    assert site.platform.runs(ANNA, RunFilter(), 9, None).items[0].id == run.id


@pytest.fixture
def opened(site: Site) -> Sessions:
    return Sessions(lambda: site.database)


def test_session(site: Site, opened: Sessions) -> None:
    """A session is known by what the browser has, of which nothing is stored, until it ends."""
    secret = opened.begin('digest')
    assert opened.fingerprint(secret) == fingerprint(secret, 'digest')
    assert opened.fingerprint('another') is None
    with site.database.reading() as connection:
        [row] = connection.execute(table.select())
    assert secret not in str(row)
    assert 'digest' not in str(row)
    opened.end(secret)
    assert opened.fingerprint(secret) is None


@pytest.mark.parametrize(
    ('column', 'longest'), [('created_at', LONGEST), ('seen_at', LONGEST_IDLE)]
)
def test_session_that_is_over(
    site: Site, opened: Sessions, column: str, longest: timedelta
) -> None:
    """A session ends some time after its begin, and some time after it was used last."""
    secret = opened.begin('digest')

    def age(by: timedelta) -> None:
        with site.database.writing() as connection:
            connection.execute(table.update().values({column: now() - by}))

    age(longest - timedelta(minutes=1))
    assert opened.fingerprint(secret)
    age(longest)
    assert opened.fingerprint(secret) is None
    with site.database.writing() as connection:
        sessions.remove_old(connection, now() - LONGEST, now() - LONGEST_IDLE)
        assert connection.execute(table.select()).all() == []


def test_session_in_use(site: Site, opened: Sessions) -> None:
    """A session that is used does not grow idle."""
    secret = opened.begin('digest')
    with site.database.writing() as connection:
        connection.execute(table.update().values(seen_at=now() - timedelta(hours=1)))
    assert opened.fingerprint(secret)
    with site.database.reading() as connection:
        [row] = connection.execute(table.select())
    assert now() - row.seen_at < timedelta(minutes=5)
