"""Alerts and what comes of them: one step for each, back when it is over, and why not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from stacks.moments import now
from stacks.requests import NewRun
from stacks.store.tables import stacks, trigger_episodes, trigger_events
from tests.records import ANNA, Site, order
from tests.triggers import RULE, SOURCE, Trying, alert
from triggers.store import episodes
from web.identity import Caller

LATER = '2030-01-01T13:00:00.000Z'
RULE_THAT_DESTROYS = SOURCE + RULE.replace('"restore"', '"destroy"')


@pytest.fixture
def trying(site: Site) -> Trying:
    return Trying(site)


def make(trying: Trying, size: int = 1, name: str = 'cap-shop') -> None:
    """Have a stack be there."""
    run = trying.site.platform.create(
        ANNA, order(name, inputs={'team': 'shop', 'key': '12345', 'size': size})
    )
    trying.site.change_run(run.id, state='succeeded', ended_at=now())
    trying.site.change_stack(name, state='ready')


def let_pass(trying: Trying, **times: timedelta) -> None:
    """Have some moments of all episodes be earlier than they are."""
    with trying.site.database.writing() as connection:
        for row in connection.execute(sa.select(trigger_episodes)):
            values = {
                name: getattr(row, name) - by for name, by in times.items() if getattr(row, name)
            }
            if values:
                connection.execute(
                    trigger_episodes.update()
                    .where(trigger_episodes.c.number == row.number)
                    .values(**values)
                )


def test_made(trying: Trying) -> None:
    """A first alert makes the stack, in the name of the rule's principal, and tells why."""
    found = trying.told(alert())
    assert (found.outcome, found.stack, found.caller) == ('started', 'cap-shop', 'anna')
    assert found.target == {'input': 'size', 'from': 0, 'to': 1}
    [run] = trying.site.runs('cap-shop')
    assert (run.id, run.caller, run.reason) == (found.run, 'anna', 'rule spike')
    assert run.inputs['plain'] == {'size': 1, 'team': 'shop'}
    assert list(run.inputs['secret']) == ['key']


def test_up_and_back(trying: Trying) -> None:
    """An alert moves the number up by a step; when it is over, it goes back to where it was."""
    make(trying, 2)
    assert trying.told(alert()).target == {'input': 'size', 'from': 2, 'to': 3}
    trying.end_runs()
    found = trying.told(alert('resolved'))
    assert (found.outcome, found.target) == ('started', {'input': 'size', 'from': 3, 'to': 2})
    trying.end_runs()
    assert trying.size() == 2


def test_hundred_times(trying: Trying) -> None:
    """The same alert a hundred times, twenty at once, moves the number once; each is on record."""
    make(trying)
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda _: trying.receive(alert()), range(100)))
    trying.work()
    outcomes = trying.outcomes()
    assert (len(outcomes), outcomes.count('started'), outcomes.count('renewed')) == (100, 1, 99)
    trying.end_runs()
    assert trying.size() == 2


def test_workers_at_once(trying: Trying) -> None:
    """Several that decide at once decide each event once."""
    make(trying)
    for _ in range(20):
        trying.receive(alert())
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: trying.work(), range(4)))
    assert sorted(trying.outcomes()) == ['renewed'] * 19 + ['started']
    assert len(trying.site.runs('cap-shop')) == 2


def test_resolved_first(trying: Trying) -> None:
    """An end that comes before its begin is kept: the late begin does nothing."""
    make(trying)
    assert trying.told(alert('resolved')).outcome == 'skipped'
    found = trying.told(alert())
    assert (found.outcome, 'late' in found.reason) == ('skipped', True)
    assert trying.told(alert(started=LATER)).outcome == 'started'


def test_out_of_order(trying: Trying) -> None:
    """A begin that comes again after its end moves nothing."""
    make(trying)
    trying.told(alert())
    trying.end_runs()
    trying.told(alert('resolved'))
    trying.end_runs()
    assert [trying.told(alert()).outcome for _ in range(3)] == ['skipped'] * 3
    assert trying.told(alert('resolved')).outcome == 'skipped'
    assert trying.size() == 1


def test_most(trying: Trying) -> None:
    """The number does not go beyond its limit, nor back where somebody has gone beyond it."""
    for size in (4, 9):
        make(trying, size, f'cap-{"shop" if size == 4 else "blog"}')
    for app in ('shop', 'blog'):
        found = trying.told(alert(app=app))
        assert (found.outcome, 'as far as it may go' in found.reason) == ('skipped', True)
        assert trying.told(alert('resolved', app=app)).outcome == 'skipped'


def test_busy_then_step(trying: Trying) -> None:
    """While a run is on, its end is waited for; then the step is taken from what it has left."""
    make(trying)
    run = trying.site.platform.start(ANNA, 'cap-shop', order_update(2))
    assert trying.told(alert()).outcome == 'waiting'
    trying.work()
    trying.site.change_run(run.id, state='succeeded', ended_at=now())
    trying.site.change_stack('cap-shop', inputs=trying.site.runs('cap-shop')[-1].inputs)
    let_pass(trying, due_at=timedelta(minutes=1))
    trying.work()
    found = trying.events()[0]
    assert (found.status, found.outcome) == ('due', 'started')
    assert found.target == {'input': 'size', 'from': 2, 'to': 3}


def order_update(size: int) -> NewRun:
    return NewRun('update', {'size': size})


def test_cooldown(site: Site) -> None:
    """After the end of a run there is a pause; what fires meanwhile is done after it."""
    trying = Trying(site, more='cooldown = "3m"')
    make(trying)
    trying.told(alert(instance='a'))
    trying.end_runs()
    body = alert(instance='b')
    body['alerts'][0]['fingerprint'] = 'other'
    found = trying.told(body)
    assert (found.outcome, 'cooldown' in found.reason) == ('waiting', True)
    trying.site.change_run(found_run(trying), ended_at=now() - timedelta(minutes=4))
    let_pass(trying, due_at=timedelta(minutes=4))
    trying.work()
    assert trying.events()[0].target == {'input': 'size', 'from': 2, 'to': 3}


def found_run(trying: Trying) -> str:
    return str(trying.site.runs('cap-shop')[-1].id)


def test_two_alerts(trying: Trying) -> None:
    """Of two alerts that hold a stack, the last to end takes it back to before the first."""
    make(trying)
    trying.told(alert())
    trying.end_runs()
    other = alert(started=LATER)
    other['alerts'][0]['fingerprint'] = 'other'
    assert trying.told(other).target == {'input': 'size', 'from': 2, 'to': 3}
    trying.end_runs()
    found = trying.told(alert('resolved'))
    assert (found.outcome, 'Another one holds' in found.reason) == ('skipped', True)
    other['alerts'][0]['status'] = 'resolved'
    assert trying.told(other).target == {'input': 'size', 'from': 3, 'to': 1}


def test_flapping(site: Site) -> None:
    """An alert that flaps moves its stack once up, and once back when it has stayed over."""
    trying = Trying(site, more='resolve_delay = "10m"')
    make(trying)
    for minute in range(5):
        started = f'2030-01-01T12:0{minute}:00.000Z'
        trying.told(alert(started=started))
        trying.end_runs()
        assert trying.told(alert('resolved', started)).outcome == 'waiting'
    assert [each.outcome for each in trying.events()].count('started') == 1
    let_pass(trying, due_at=timedelta(minutes=11))
    trying.work()
    assert trying.events()[0].target == {'input': 'size', 'from': 2, 'to': 1}


def test_lease(site: Site) -> None:
    """An alert of which no call comes any more is over after its time; a repeat renews that."""
    trying = Trying(site, more='ttl = "2h"')
    make(trying)
    trying.told(alert())
    trying.end_runs()
    let_pass(trying, lease_until=timedelta(hours=1, minutes=59))
    trying.told(alert())
    let_pass(trying, lease_until=timedelta(hours=1, minutes=59))
    trying.work()
    assert trying.outcomes() == ['started', 'renewed']
    let_pass(trying, lease_until=timedelta(minutes=2))
    trying.work()
    found = trying.events()[0]
    assert (found.status, found.target) == ('due', {'input': 'size', 'from': 2, 'to': 1})


def test_escalates(site: Site) -> None:
    """While it goes on, an alert moves on after each span, as far as it may."""
    rule = RULE.replace('max = 4', 'max = 3, escalate_every = "1m"')
    trying = Trying(site, SOURCE + rule)
    make(trying)
    trying.told(alert())
    for _ in range(4):
        trying.end_runs()
        let_pass(trying, due_at=timedelta(minutes=2))
        trying.work()
    assert trying.outcomes() == ['started', 'started', 'skipped']
    assert trying.told(alert('resolved')).target == {'input': 'size', 'from': 3, 'to': 1}


def test_quota(site: Site) -> None:
    """No more runs in an hour than the quota has, and no more stacks."""
    trying = Trying(site, more='quota = { runs_per_hour = 2, stacks = 1 }')
    trying.told(alert())
    trying.end_runs()
    found = trying.told(alert(app='blog'))
    assert (found.outcome, 'stacks' in found.reason) == ('skipped', True)
    trying.told(alert('resolved'))
    other = alert(started=LATER)
    assert trying.told(other).outcome == 'started'
    trying.end_runs()
    found = trying.told(alert('resolved', LATER))
    assert (found.outcome, 'an hour' in found.reason) == ('waiting', True)


def test_quota_of_old_stacks(site: Site) -> None:
    """A stack counts as long as it is there, also when the events about it are old."""
    trying = Trying(site, more='quota = { stacks = 1 }')
    trying.told(alert())
    trying.told(alert())
    trying.end_runs()
    with site.database.writing() as connection:
        connection.execute(trigger_events.update().values(received_at=now() - timedelta(days=31)))
    trying.worker._clean_at = 0.0
    trying.work()
    assert trying.outcomes() == ['started']
    assert trying.told(alert(app='blog')).outcome == 'skipped'
    with site.database.writing() as connection:
        connection.execute(stacks.update().values(name='another'))
    trying.worker._clean_at = 0.0
    trying.work()
    assert trying.outcomes() == ['skipped']


def test_back_beyond_quota(site: Site) -> None:
    """What goes back needs no room in the quota of stacks."""
    trying = Trying(site, more='quota = { stacks = 2 }')
    make(trying, 2)
    trying.told(alert())
    trying.end_runs()
    trying.told(alert(app='blog'))
    trying.end_runs('cap-blog')
    # As if others had moved the first one, whose alert gave it to this one.
    with site.database.writing() as connection:
        connection.execute(trigger_events.delete().where(trigger_events.c.stack == 'cap-shop'))
    trying.write(more='quota = { stacks = 1 }')
    assert trying.told(alert('resolved')).outcome == 'started'


def test_many_wait(trying: Trying) -> None:
    """However many wait for the end of a run, what is due elsewhere is seen to."""
    moment = now()
    values = {'source': 'am', 'rule': 'spike', 'fingerprint': 'f', 'name': 'n', 'labels': {}}
    with trying.site.database.writing() as connection:
        for number in range(102):
            due_at = moment - timedelta(seconds=9 if number == 101 else 1)
            more = {'episode': str(number), 'url': '', 'stack': 's', 'state': 'firing'}
            episodes.insert(connection, {**values, **more, 'due_at': due_at})
        assert episodes.due(connection, moment)[0].episode == '101'


def test_another_stack_of_the_name(site: Site) -> None:
    """What an alert has moved is not taken back from a stack of another program."""
    trying = Trying(site, RULE_THAT_DESTROYS)
    trying.told(alert())
    trying.end_runs()
    trying.site.change_stack('cap-shop', program='other')
    found = trying.told(alert('resolved'))
    assert (found.outcome, 'Another stack' in found.reason) == ('skipped', True)
    assert len(trying.site.runs('cap-shop')) == 1


def test_breaker(site: Site) -> None:
    """After so many failures in a row nothing more is begun, until an update succeeds."""
    trying = Trying(site, more='breaker = 2')
    make(trying)
    for number in range(3):
        body = alert(started=f'2030-01-01T12:0{number}:00.000Z')
        found = trying.told(body)
        trying.end_runs(state='failed')
    assert (found.outcome, 'have failed' in found.reason) == ('skipped', True)
    run = trying.site.platform.start(ANNA, 'cap-shop', order_update(2))
    trying.site.change_run(run.id, state='succeeded', ended_at=now())
    assert trying.told(alert(started=LATER)).outcome == 'started'


def test_rules_changed(trying: Trying) -> None:
    """What was received is decided by the rules that are in force then."""
    make(trying)
    trying.receive(alert())
    trying.write(SOURCE)
    trying.work()
    assert trying.outcomes() == ['skipped']
    assert 'rules have changed' in trying.events()[0].reason
    trying.write()
    trying.told(alert())
    trying.end_runs()
    trying.write(SOURCE + RULE.replace('max = 4', 'max = 9'))
    assert trying.told(alert('resolved')).target == {'input': 'size', 'from': 2, 'to': 1}


def test_switched_off(site: Site) -> None:
    """Rules that are switched off do nothing, and tell so."""
    trying = Trying(site, 'enabled = false\n' + SOURCE + RULE)
    assert trying.told(alert()).reason.startswith('The rules are switched off')


def test_dry_run(site: Site) -> None:
    """A rule that is tried tells what it would do, and does nothing; that is the default."""
    trying = Trying(site, SOURCE + RULE.replace('dry_run = false', ''))
    found = trying.told(alert())
    assert (found.outcome, found.run) == ('dry_run', None)
    assert found.target == {'input': 'size', 'from': 0, 'to': 1}
    assert trying.site.runs('cap-shop') == []


def test_no_right(site: Site) -> None:
    """A rule can do no more than the one it runs as."""
    for who, stack in (('rob', 'cap-shop'), ('anna', 'cap-shop')):
        trying = Trying(site, SOURCE + RULE.replace('anna', who))
        if who == 'anna':
            make(trying)
            site.change_stack(stack, owner='ben')
        found = trying.told(alert(started=LATER if who == 'anna' else '2030-01-01T12:00:00Z'))
        assert found.outcome == 'refused'


def test_inputs_are_checked(site: Site) -> None:
    """The program's own rules hold for what a rule gives it."""
    trying = Trying(site, SOURCE + RULE.replace('team = ', 'taem = '))
    found = trying.told(alert())
    assert (found.outcome, '/inputs/taem' in found.reason) == ('refused', True)


def test_unmatched(trying: Trying) -> None:
    """A call that no rule is for is on record, and begins nothing."""
    assert trying.told(alert(app='other')).outcome == 'unmatched'


@pytest.mark.parametrize(
    ('on_resolved', 'runs'),
    [('hold', ['update', 'update']), ('destroy', ['update', 'update', 'destroy'])],
)
def test_on_resolved(site: Site, on_resolved: str, runs: list[str]) -> None:
    """What happens in the end is as the rule says."""
    trying = Trying(site, SOURCE + RULE.replace('"restore"', f'"{on_resolved}"'))
    make(trying)
    trying.told(alert())
    trying.end_runs()
    trying.told(alert('resolved'))
    assert [each.operation for each in trying.site.runs('cap-shop')] == runs


def test_step_down(site: Site) -> None:
    """Stepping down takes as much as the alert has given, from wherever the number is."""
    trying = Trying(site, SOURCE + RULE.replace('"restore"', '"step_down"'))
    make(trying, 2)
    trying.told(alert())
    trying.end_runs()
    trying.site.platform.start(ANNA, 'cap-shop', order_update(4))
    trying.end_runs()
    assert trying.told(alert('resolved')).target == {'input': 'size', 'from': 4, 'to': 3}


def test_whose(trying: Trying) -> None:
    """Who may use some programs only sees the events of these."""
    trying.told(alert())
    trying.told(alert(app='other'))
    assert len(trying.events()) == 2
    assert len(trying.events(Caller('x', 'reader', frozenset({'token'})))) == 1
    assert trying.events(Caller('x', 'reader', frozenset({'other'}))) == []
