"""Ordering stacks: what is checked, and what the order puts into the records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stacks.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from stacks.records import Run
from stacks.requests import NewRun
from stacks.submission import MOST_ACTIVE
from tests import records
from tests.records import ANNA, BEN, CONFIG, OPERATOR, READER, SECRET, Site, order, write_program
from web.identity import Caller


def kind_of(error: pytest.ExceptionInfo[ConflictError]) -> tuple[str, str | None]:
    return error.value.kind, error.value.run


def ended(site: Site, run: Run, state: str = 'succeeded', stack: str = 'ready') -> Run:
    """Have a run be over, as if somebody had done it."""
    site.change_run(run.id, state=state)
    site.change_stack(run.stack, state=stack)
    return run


def test_create(site: Site) -> None:
    """A new stack is its caller's and in the making, and a first update of it waits."""
    run = site.platform.create(ANNA, order(description='x', ttl='8h'))
    assert (run.operation, run.state, run.caller, run.attempts) == ('update', 'queued', 'anna', 0)
    stack = site.platform.stack(ANNA, 'one')
    assert (stack.state, stack.owner, stack.description) == ('creating', 'anna', 'x')
    assert stack.last_run == run.id
    assert stack.expires_at


def test_secrets_are_hidden(site: Site, tmp_path: Path) -> None:
    """A secret input is shown to nobody, and stored only encrypted; defaults are filled in."""
    run = site.platform.create(ANNA, order())
    expected = {'team': 'red', 'size': 2, 'key': '[secret]'}
    assert run.inputs == site.platform.stack(ANNA, 'one').inputs == expected
    site.database.close()
    stored = b''.join(file.read_bytes() for file in tmp_path.iterdir() if file.is_file())
    assert SECRET.encode() not in stored
    assert b'red' in stored


def test_all_flaws(site: Site) -> None:
    """Everything that is wrong with an order is told at once, without any value."""
    wrong = order('Ä', inputs={'size': 'x', 'key': 'pla'}, ttl='0h', description='x' * 1001)
    with pytest.raises(InvalidError) as told:
        site.platform.create(ANNA, wrong)
    assert {flaw.pointer for flaw in told.value.flaws} == {
        *('/name', '/description', '/ttl'),
        *('/inputs/key', '/inputs/size', '/inputs/team'),
    }
    assert 'pla' not in json.dumps([flaw.detail for flaw in told.value.flaws])


def test_unknown_program(site: Site) -> None:
    """A program that is not in the catalogue, or cannot be used, makes no stack."""
    write_program(site.settings.programs_dir / 'broken', 'broken', {'x': {'type': 'nonsense'}})
    for program, words in (('other', 'is not in the catalogue'), ('broken', 'is not available')):
        with pytest.raises(InvalidError, match=f'^/program {words}'):
            site.platform.create(ANNA, order(program=program))


def test_name_taken(site: Site) -> None:
    """A name that another stack has is refused."""
    site.platform.create(ANNA, order())
    with pytest.raises(ConflictError) as told:
        site.platform.create(BEN, order())
    assert kind_of(told) == ('name-taken', None)


def test_quotas(tmp_path: Path) -> None:
    """Nobody gets more stacks than one may have, and all together not more than there may be."""
    site = records.site(tmp_path, max_stacks=3, max_stacks_per_owner=2)
    for caller, name in ((ANNA, 'a'), (ANNA, 'b')):
        site.platform.create(caller, order(name))
    with pytest.raises(ConflictError, match='anna has as many stacks as one may have, 2') as told:
        site.platform.create(ANNA, order('c'))
    assert kind_of(told) == ('quota-reached', None)
    site.platform.create(BEN, order('c'))
    with pytest.raises(ConflictError, match='as many stacks as there may be'):
        site.platform.create(BEN, order('d'))
    site.database.close()


def test_quota_of_a_new_owner(tmp_path: Path) -> None:
    """Nobody is given more stacks than one may have; who has one already may keep it."""
    site = records.site(tmp_path, max_stacks_per_owner=1)
    for caller, name in ((ANNA, 'a'), (BEN, 'b')):
        site.platform.create(caller, order(name))
    with pytest.raises(ConflictError, match='ben has as many stacks as one may have, 1'):
        site.platform.change(ANNA, 'a', {'owner': 'ben'}, None)
    assert site.platform.change(ANNA, 'a', {'owner': 'anna'}, None).owner == 'anna'
    assert site.platform.change(ANNA, 'a', {'owner': 'carl'}, None).owner == 'carl'
    site.database.close()


def test_full_queue(site: Site) -> None:
    """Only so many runs of a stack wait at once."""
    first = site.platform.create(ANNA, order())
    for _ in range(MOST_ACTIVE - 1):
        site.platform.start(ANNA, 'one', NewRun('refresh', queue=True))
    with pytest.raises(ConflictError, match='As many runs wait') as told:
        site.platform.start(ANNA, 'one', NewRun('refresh', queue=True))
    assert kind_of(told) == ('queue-full', first.id)


def test_run_in_progress(site: Site) -> None:
    """A run while another one is under way is refused with that one's id, or waits for it."""
    first = site.platform.create(ANNA, order())
    with pytest.raises(ConflictError) as told:
        site.platform.start(ANNA, 'one', NewRun('update'))
    assert kind_of(told) == ('run-in-progress', first.id)
    second = site.platform.start(ANNA, 'one', NewRun('update', queue=True))
    assert [row.id for row in site.runs('one')] == [first.id, second.id]


@pytest.mark.parametrize('operation', ['preview', 'update', 'refresh', 'destroy'])
def test_operations(site: Site, operation: str) -> None:
    """Each operation goes with the stack's inputs, and is its last run from then on."""
    ended(site, site.platform.create(ANNA, order()))
    run = site.platform.start(ANNA, 'one', NewRun(operation))
    assert (run.operation, run.accept, run.inputs['team']) == (operation, False, 'red')
    assert site.stack('one').last_run == run.id


@pytest.mark.parametrize('operation', ['preview', 'update', 'destroy'])
def test_accept(site: Site, operation: str) -> None:
    """A refresh may take over what it finds; to ask that of another operation is a mistake."""
    ended(site, site.platform.create(ANNA, order()))
    with pytest.raises(InvalidError, match='/accept is for a refresh'):
        site.platform.start(ANNA, 'one', NewRun(operation, accept=True))
    assert site.platform.start(ANNA, 'one', NewRun('refresh', accept=True)).accept


def test_unknown_operation(site: Site) -> None:
    """What is no operation is refused."""
    site.platform.create(ANNA, order())
    with pytest.raises(InvalidError, match='/operation must be one of preview, update'):
        site.platform.start(ANNA, 'one', NewRun('import'))


def test_changed_inputs(site: Site) -> None:
    """A run's inputs are the stack's with those that are given; the stack's change at its end."""
    ended(site, site.platform.create(ANNA, order()))
    run = site.platform.start(ANNA, 'one', NewRun('update', inputs={'team': 'blue'}))
    assert run.inputs == {'team': 'blue', 'size': 2, 'key': '[secret]'}
    assert site.platform.stack(ANNA, 'one').inputs['team'] == 'red'
    [_, row] = site.runs('one')
    assert records.vault().decrypt(row.inputs['secret']['key']) == SECRET


@pytest.mark.parametrize('operation', ['refresh', 'destroy'])
def test_no_inputs(site: Site, operation: str) -> None:
    """An operation that runs with what is there takes no inputs."""
    ended(site, site.platform.create(ANNA, order()))
    with pytest.raises(InvalidError, match=f'^/inputs are not taken by {operation}'):
        site.platform.start(ANNA, 'one', NewRun(operation, inputs={}))


def test_changed_kind_of_a_secret(site: Site) -> None:
    """A secret that the program wants as another kind by now is told as such, without it."""
    ended(site, site.platform.create(ANNA, order()))
    config = {**CONFIG, 'key': {'type': 'integer', 'secret': True}}
    write_program(site.settings.programs_dir / 'token', 'token', config)
    with pytest.raises(InvalidError) as told:
        site.platform.start(ANNA, 'one', NewRun('update'))
    assert str(told.value) == '/inputs/key must be an integer'


def test_secret_no_more(site: Site) -> None:
    """A secret is not used where the program would not keep it as one: it is asked for anew."""
    ended(site, site.platform.create(ANNA, order()))
    config = {**CONFIG, 'key': {'type': 'string'}}
    write_program(site.settings.programs_dir / 'token', 'token', config)
    with pytest.raises(InvalidError) as told:
        site.platform.start(ANNA, 'one', NewRun('update'))
    assert str(told.value) == '/inputs/key is required'
    run = site.platform.start(ANNA, 'one', NewRun('update', inputs={'key': 'open'}))
    assert run.inputs['key'] == 'open'


def test_same_secret_again(site: Site) -> None:
    """A secret that is given again as it was is not encrypted anew."""
    ended(site, site.platform.create(ANNA, order()))
    for given in (SECRET, 'planted-0815'):
        site.platform.start(ANNA, 'one', NewRun('update', inputs={'key': given}, queue=True))
    first, second, third = (row.inputs['secret']['key'] for row in site.runs('one'))
    assert first == second != third


def test_removed_input(site: Site) -> None:
    """An input that the program does not take any more is left out."""
    ended(site, site.platform.create(ANNA, order()))
    config = {'team': {'type': 'string'}, 'more': {'type': 'string', 'default': 'x'}}
    write_program(site.settings.programs_dir / 'token', 'token', config)
    assert site.platform.start(ANNA, 'one', NewRun('update')).inputs == {'team': 'red', 'more': 'x'}


def test_repeated_destroy(site: Site) -> None:
    """A destroy that is under way already is the one that is asked for again."""
    ended(site, site.platform.create(ANNA, order()))
    first = site.platform.start(ANNA, 'one', NewRun('destroy'))
    assert site.platform.start(ANNA, 'one', NewRun('destroy', version=1)).id == first.id
    with pytest.raises(ConflictError, match='is being destroyed') as told:
        site.platform.start(ANNA, 'one', NewRun('update', queue=True))
    assert kind_of(told) == ('run-in-progress', first.id)


def test_protected(site: Site) -> None:
    """A protected stack is not destroyed; everything else is done with it."""
    ended(site, site.platform.create(ANNA, order()))
    site.platform.change(ANNA, 'one', {'protected': True}, None)
    with pytest.raises(ConflictError) as told:
        site.platform.start(OPERATOR, 'one', NewRun('destroy'))
    assert kind_of(told) == ('protected', None)
    assert site.platform.start(ANNA, 'one', NewRun('update'))


def test_roles(site: Site) -> None:
    """Readers order nothing, users only with their own stacks, operators with all."""
    with pytest.raises(ForbiddenError, match='needs the role user'):
        site.platform.create(READER, order())
    site.platform.create(ANNA, order())
    for caller, words in ((READER, 'needs the role user'), (BEN, 'belongs to anna')):
        with pytest.raises(ForbiddenError, match=words):
            site.platform.start(caller, 'one', NewRun('refresh', queue=True))
    for caller in (ANNA, OPERATOR):
        assert site.platform.start(caller, 'one', NewRun('refresh', queue=True))


def test_programs(site: Site) -> None:
    """Who is limited to other programs makes no such stack, and sees none."""
    limited = Caller('anna', 'operator', frozenset({'other'}))
    with pytest.raises(ForbiddenError, match='may not use the program token'):
        site.platform.create(limited, order())
    run = site.platform.create(ANNA, order())
    with pytest.raises(NotFoundError):
        site.platform.start(limited, 'one', NewRun('destroy'))
    with pytest.raises(NotFoundError):
        site.platform.cancel(limited, run.id)
