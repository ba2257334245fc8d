"""The commands: what they ask of the service, what they write, and how they end."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from infra import config_file
from infra.cli import codes
from tests.infra import said
from tests.infra.command import Command
from tests.infra.fake_service import Answer, FakeService, problem
from tests.infra.fake_time import FakeTime

RUN = '/v1/runs/run_1'
WEB = '/v1/stacks/web'
INPUTS = ('-i', 'names=["a"]', '--input-file', 'in.json')


@pytest.fixture
def new(service: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeService:
    """A service without the stack, which previews new ones; and a file with inputs."""
    (tmp_path / 'in.json').write_text('{"token": "planted-value-7319"}')
    monkeypatch.chdir(tmp_path)
    draft = Answer(said.stack(state='creating', outputs={}, version=3))
    service.on('GET', WEB, problem(404, 'There is no stack.', 'not-found'), draft)
    service.on('GET', '/v1/programs/files', said.program())
    knows_previews(service)
    service.on('POST', '/v1/stacks', Answer(said.running(operation='preview'), 202))
    service.on('GET', RUN, said.run(operation='preview'))
    service.on('DELETE', WEB, Answer(said.running(id='run_2', operation='destroy'), 202))
    service.on('GET', '/v1/runs/run_2', said.run(id='run_2', operation='destroy'))
    service.on('POST', f'{WEB}/runs', Answer(said.running(id='run_3'), 202))
    service.on('GET', '/v1/runs/run_3', said.run(id='run_3'))
    return service


@pytest.fixture
def old(new: FakeService) -> FakeService:
    """A service that has the stack."""
    new.on('GET', WEB, said.stack())
    new.on('PATCH', WEB, said.stack())
    new.on(
        'POST', f'{WEB}/runs', Answer(said.running(), 202), Answer(said.running(id='run_3'), 202)
    )
    return new


def knows_previews(service: FakeService, *properties: str) -> None:
    """Have the service's description tell what new stacks take."""
    known: dict[str, Any] = {each: {} for each in properties or ('preview',)}
    service.on(
        'GET', '/openapi.json', {'components': {'schemas': {'NewStack': {'properties': known}}}}
    )


def bodies(service: FakeService, method: str = 'POST') -> list[Any]:
    """Return what was sent by a method."""
    return [each.body for each in service.asked if each.method == method]


def test_new_stack_previewed(new: FakeService, infra: Command) -> None:
    """A new stack is previewed, asked about, and made as the preview says."""
    done = infra.at_terminal('up', 'web', '-p', 'files', *INPUTS, '--ttl', '8h', typed='y\n')
    assert done.code == 0
    assert bodies(new)[0]['preview'] is True
    assert bodies(new)[0]['ttl'] == '8h'
    assert bodies(new)[1] == {'operation': 'update', 'queue': False, 'preview': 'run_1'}
    assert 'web: 2 to create.' in done.err
    assert 'Make web? [y/N] ' in done.err
    assert 'planted' not in done.err + done.out


@pytest.mark.parametrize('typed', ['n\n', '\n', '', 'yess\n'])
def test_new_stack_refused(new: FakeService, infra: Command, typed: str) -> None:
    """A new stack that is not agreed to is discarded."""
    done = infra.at_terminal('up', 'web', '-p', 'files', *INPUTS, typed=typed)
    assert (done.code, done.out) == (codes.OTHER, '')
    assert new.paths('DELETE') == [WEB]
    [sent] = [each for each in new.asked if each.method == 'DELETE']
    assert sent.headers['If-Match'] == '"3"'
    assert 'Nothing was made.' in done.err


def test_new_stack_made_by_another(new: FakeService, infra: Command) -> None:
    """A new stack that somebody else has made meanwhile is not discarded."""
    missing = problem(404, 'There is no stack.', 'not-found')
    new.on('GET', WEB, missing, Answer(said.stack()))
    done = infra.at_terminal('up', 'web', '-p', 'files', *INPUTS, typed='n\n')
    assert (done.code, new.paths('DELETE')) == (codes.CONFLICT, [])
    assert 'made by somebody else' in done.err


def test_new_stack_whose_preview_fails(new: FakeService, infra: Command) -> None:
    """A new stack whose preview fails is discarded, and why is told."""
    new.on('GET', RUN, said.failed(operation='preview'))
    done = infra.at_terminal('up', 'web', '-p', 'files', *INPUTS, typed='y\n')
    assert done.code == codes.RUN_FAILED
    assert 'The preview of web has failed, at a: there is no room' in done.err
    assert 'infra logs run_1' in done.err
    assert new.paths('DELETE') == [WEB]


def test_new_stack_that_cannot_be_discarded(new: FakeService, infra: Command) -> None:
    """Where a new stack cannot be discarded, that and what to do is told."""
    new.on('GET', '/v1/runs/run_2', said.failed(id='run_2', operation='destroy'))
    done = infra.at_terminal('up', 'web', '-p', 'files', *INPUTS, typed='n\n')
    assert done.code == codes.RUN_FAILED
    assert 'To discard the stack: infra destroy web' in done.err


def test_new_stack_without_preview(new: FakeService, infra: Command) -> None:
    """Where the service has no previews of new stacks, that is told before the question."""
    knows_previews(new, 'name')
    done = infra.at_terminal('up', 'web', '-p', 'files', *INPUTS, typed='n\n')
    assert (done.code, new.paths('POST')) == (codes.OTHER, [])
    assert 'shows no preview of new stacks' in done.err
    assert infra.at_terminal('up', 'web', '-p', 'files', *INPUTS, typed='y\n').code == 0
    assert 'preview' not in bodies(new)[0]


def test_new_stack_at_once(new: FakeService, infra: Command) -> None:
    """With --yes a new stack is made at once, also where nobody could be asked."""
    done = infra('up', 'web', '-p', 'files', *INPUTS, '--yes')
    assert done.code == 0
    assert new.paths('POST') == ['/v1/stacks']
    assert 'preview' not in bodies(new)[0]
    assert bodies(new)[0]['inputs'] == {'token': 'planted-value-7319', 'names': ['a']}


def test_outputs_at_the_end(old: FakeService, infra: Command) -> None:
    """After an update its end is told on stderr, and the outputs are the result."""
    done = infra('up', 'web', '--yes')
    assert done.out == 'url    http://web\nports  [80, 443]\ntoken  [secret]\n'
    assert done.err.endswith('The update of web has succeeded: 2 created.\n')


def test_stack_gone_at_the_end(old: FakeService, infra: Command) -> None:
    """A stack that somebody destroys right after its update is no error of the update."""
    old.on('GET', WEB, said.stack(), problem(404, 'Gone.', 'not-found'))
    done = infra('up', 'web', '--yes')
    assert (done.code, done.out) == (0, '')


def test_update_by_preview(old: FakeService, infra: Command) -> None:
    """An update is decided by its preview, and given another description and time with it."""
    done = infra.at_terminal(
        *('up', 'web', '-i', 'size=4', '--ttl', '3d', '--description', 'Ours'), typed='yes\n'
    )
    assert done.code == 0
    preview, update = bodies(old)
    assert preview == {'operation': 'preview', 'queue': False, 'inputs': {'size': 4}}
    assert update == {'operation': 'update', 'queue': False, 'preview': 'run_1'}
    assert bodies(old, 'PATCH') == [{'ttl': '3d'}, {'description': 'Ours'}]


@pytest.mark.parametrize('option', ['-q', '--json'])
def test_question_with_its_table(old: FakeService, infra: Command, option: str) -> None:
    """Whoever is asked is told what would change, however quiet it is to be."""
    done = infra.at_terminal('up', 'web', option, typed='y\n')
    assert 'web: 2 to create.\nUpdate web? [y/N] ' in done.err
    done = infra('up', 'web', option, '--yes')
    assert (done.code, done.err) == (0, '')


def test_refused_time(old: FakeService, infra: Command) -> None:
    """A time that the service refuses is told before anything is updated."""
    old.on('PATCH', WEB, problem(422, 'ttl must be a time.', 'invalid'))
    assert infra('up', 'web', '--yes', '--ttl', 'soon').code == codes.USAGE
    assert [each['operation'] for each in bodies(old)] == ['preview']


def test_update_refused(old: FakeService, infra: Command) -> None:
    """An update that is not agreed to changes nothing, not even the description."""
    done = infra.at_terminal('up', 'web', '--description', 'Ours', typed='no\n')
    assert (done.code, len(bodies(old)), bodies(old, 'PATCH')) == (codes.OTHER, 1, [])


def test_table_of_a_preview(old: FakeService, infra: Command) -> None:
    """A preview's table has what is lost first, and what changes in each."""
    differences = [{'path': 'size', 'old': 1, 'new': 2, 'replaces': True}]
    resources = [
        said.resource('kept', 'same'),
        said.resource('made'),
        said.resource('lost', 'replace', differences=differences),
    ]
    changes = {'same': 1, 'create': 1, 'replace': 1}
    old.on('GET', RUN, said.run(operation='preview', resources=resources, changes=changes))
    done = infra('preview', 'web')
    assert done.out.splitlines() == [
        '             RESOURCE  TYPE  WHAT CHANGES',
        '+-  replace  lost      File  size: 1 -> 2 (forces the replacement)',
        '+   create   made      File',
        'web: 1 to replace (what is in it is lost), 1 to create, 1 unchanged.',
    ]


def test_outdated_preview(old: FakeService, infra: Command) -> None:
    """Where the stack has changed since the preview, nothing is done and that is told."""
    outdated = problem(409, 'The stack has changed since that preview.', 'preview-outdated')
    old.on('POST', f'{WEB}/runs', Answer(said.running(), 202), outdated)
    done = infra('up', 'web', '--yes')
    assert done.code == codes.CONFLICT
    assert 'has changed since that preview' in done.err
    assert 'it makes a new preview' in done.err


def test_without_waiting(old: FakeService, infra: Command) -> None:
    """With --no-wait the run's id is the result, at once."""
    done = infra('up', 'web', '--yes', '--no-wait', '-i', 'size=4')
    assert (done.code, done.out) == (0, 'run_1\n')
    assert bodies(old) == [{'operation': 'update', 'queue': False, 'inputs': {'size': 4}}]


@pytest.mark.parametrize(
    'arguments',
    [
        pytest.param(['up', 'web'], id='no-terminal'),
        pytest.param(['destroy', 'web'], id='no-terminal-to-destroy'),
        pytest.param(['up', 'web', '--no-wait'], id='no-wait-without-yes'),
        pytest.param(['up', 'web', '--yes', '-p', 'other'], id='another-program'),
        pytest.param(['up', 'web', '--yes', '-i', 'token=planted-value-7319'], id='secret'),
        pytest.param(['refresh', 'web', '--accept', '--preview-only'], id='both'),
        pytest.param(['wait', 'run_1', '--timeout', 'soon'], id='no-time'),
        pytest.param(['logs', 'run_1', '--timeout', '1m'], id='nothing-to-wait-for'),
        pytest.param(['output', 'web', '--reveal'], id='no-output'),
        pytest.param(['extend', 'web', 'soon'], id='no-time-to-extend'),
        pytest.param(['unheard-of'], id='no-command'),
        pytest.param(['ls', '\udcff'], id='no-text'),
        pytest.param(['login', 'http://infra.example.com'], id='login-over-http'),
    ],
)
def test_usage(old: FakeService, infra: Command, arguments: list[str]) -> None:
    """What cannot be meant is refused before anything is changed."""
    done = infra(*arguments)
    assert (done.code, done.out) == (codes.USAGE, '')
    assert 'Error: ' in done.err
    assert 'planted' not in done.err
    assert {each.method for each in old.asked} <= {'GET'}


def test_destroy_by_name(old: FakeService, infra: Command) -> None:
    """A stack is destroyed when its name is typed, and only then."""
    done = infra.at_terminal('destroy', 'web', typed='y\n')
    assert (done.code, old.paths('DELETE')) == (codes.OTHER, [])
    assert 'This cannot be undone.' in done.err
    assert infra.at_terminal('destroy', 'web', typed='web\n').code == 0
    assert old.paths('DELETE') == [WEB]


@pytest.mark.parametrize(
    ('answer', 'code', 'words'),
    [
        (problem(401, 'No token.'), codes.TOKEN, 'infra login'),
        (problem(403, 'Readers may only look.', 'forbidden'), codes.TOKEN, 'only look'),
        (problem(404, 'There is no stack.', 'not-found'), codes.NOT_FOUND, 'no stack'),
        (problem(409, 'Busy.', 'run-in-progress', run=RUN), codes.CONFLICT, 'logs -f run_1'),
        (problem(409, 'Protected.', 'protected'), codes.CONFLICT, 'infra unprotect'),
        (problem(412, 'Changed.', 'changed'), codes.CONFLICT, 'Run the command again'),
        (problem(500, 'A defect.', request_id='req-7'), codes.OTHER, 'req-7'),
        (problem(503, 'Not now.', 'unavailable'), codes.OTHER, 'Not now.'),
        (Answer(b'<html>'), codes.OTHER, 'proxy'),
    ],
)
def test_errors(
    service: FakeService, infra: Command, answer: Answer, code: int, words: str
) -> None:
    """An error has its own exit code, and says what to do; as JSON it is the problem object."""
    service.on('DELETE', WEB, answer)
    done = infra('destroy', 'web', '--yes')
    assert (done.code, done.out) == (code, '')
    assert words in done.err
    told = json.loads(infra('destroy', 'web', '--yes', '--json').err)
    assert told['title']
    if isinstance(answer.body, dict):
        assert told == answer.body


def test_refused_inputs(old: FakeService, infra: Command) -> None:
    """Inputs that the service refuses are told by the names that were given."""
    errors = [
        {'pointer': '#/inputs/names/0', 'detail': 'is too long'},
        {'pointer': '#/ttl', 'detail': 'must be a time'},
    ]
    old.on('POST', f'{WEB}/runs', problem(422, 'inputs/names/0 …', 'invalid', errors=errors))
    done = infra('up', 'web', '--yes')
    assert done.code == codes.USAGE
    assert 'Error: names/0 is too long; ttl must be a time' in done.err


def test_failed_run(old: FakeService, infra: Command) -> None:
    """A run that fails is told with its reason and where its log is; as JSON it is the run."""
    old.on('GET', '/v1/runs/run_3', said.failed(id='run_3'))
    done = infra('up', 'web', '--yes')
    assert (done.code, done.out) == (codes.RUN_FAILED, '')
    assert 'The update of web has failed, at a: there is no room' in done.err
    assert 'infra logs run_3' in done.err
    old.on(
        'POST', f'{WEB}/runs', Answer(said.running(), 202), Answer(said.running(id='run_3'), 202)
    )
    assert infra('up', 'web', '--yes', '--json').json['state'] == 'failed'


@pytest.mark.parametrize('state', ['failed', 'cancelled', 'interrupted', 'unheard-of'])
def test_wait_for_no_success(service: FakeService, infra: Command, state: str) -> None:
    """Whatever a run ends as, other than succeeded, is no success."""
    service.on('GET', RUN, said.run(state=state))
    done = infra('wait', 'run_1')
    assert (done.code, done.out) == (codes.RUN_FAILED, '')


def test_timeout(service: FakeService, infra: Command) -> None:
    """A wait that takes too long has its own exit code, and says that the run goes on."""
    service.on('GET', RUN, said.running())
    done = infra('wait', 'run_1', '--timeout', '10s')
    assert (done.code, done.out) == (codes.TIMED_OUT, '')
    assert 'It goes on: infra wait run_1' in done.err
    told = json.loads(infra('wait', 'run_1', '--timeout', '10s', '--json', '-q').err)
    assert told['run'] == RUN


def test_interrupted(service: FakeService, infra: Command, time: FakeTime) -> None:
    """Ctrl-C ends the wait, not the run, and says so."""
    service.on('GET', RUN, said.running())
    time.interrupt_at = {2}
    done = infra('wait', 'run_1')
    assert done.code == codes.INTERRUPTED
    assert 'The run goes on: infra logs -f run_1' in done.err
    assert service.paths('POST') == []


def test_interrupted_before_a_run_is_known(
    old: FakeService, infra: Command, time: FakeTime
) -> None:
    """Ctrl-C before the service has answered an order says where to look for a run of it."""
    old.on('DELETE', WEB, problem(503, 'Not now.', 'unavailable'))
    time.interrupt_at = {1}
    done = infra('destroy', 'web', '--yes')
    assert done.code == codes.INTERRUPTED
    assert 'Whether a run was begun: infra history web' in done.err


def test_interrupted_at_a_new_stack(new: FakeService, infra: Command, time: FakeTime) -> None:
    """Ctrl-C while a new stack is previewed says that it is there, and how to discard it."""
    new.on('GET', RUN, said.running(operation='preview'))
    time.interrupt_at = {1}
    done = infra.at_terminal('up', 'web', '-p', 'files', *INPUTS)
    assert done.code == codes.INTERRUPTED
    assert 'To discard it: infra destroy web' in done.err


def test_access_lost_in_mid_wait(service: FakeService, infra: Command) -> None:
    """Where a wait ends by an error, it is said that the run may go on."""
    service.on('GET', RUN, said.running(), said.running(), problem(401, 'No.'))
    done = infra('wait', 'run_1')
    assert done.code == codes.TOKEN
    assert 'It is not known how the run has ended: infra wait run_1' in done.err


def test_json_alone_on_stderr(old: FakeService, infra: Command) -> None:
    """With --json nothing but one JSON object is on stderr, also for wrong usage."""
    for arguments in (
        ['up', 'web', '--json', '-i', 'sise=1', '--yes'],
        ['up', 'web', '--json'],
        ['output', 'other', '--json'],
        ['output', 'web', 'uri', '--json'],
    ):
        assert json.loads(infra(*arguments).err)['title']
    assert infra('up', 'web', '--yes', '--json').err == ''


def test_interrupted_twice(service: FakeService, infra: Command, time: FakeTime) -> None:
    """Ctrl-C twice asks the service to cancel the run."""
    service.on('GET', RUN, said.running())
    service.on('POST', f'{RUN}/cancel', Answer(said.running(cancel_requested=True), 202))
    time.interrupt_at = {2, 3}
    done = infra('wait', 'run_1', '-q')
    assert done.code == codes.INTERRUPTED
    assert 'Asked to cancel it.' in done.err
    assert service.paths('POST') == [f'{RUN}/cancel']


def test_interrupted_twice_too_late(service: FakeService, infra: Command, time: FakeTime) -> None:
    """Where the run cannot be cancelled any more, that is told."""
    service.on('GET', RUN, said.running())
    service.on('POST', f'{RUN}/cancel', problem(409, 'This run has ended.', 'run-ended'))
    time.interrupt_at = {1, 2}
    done = infra('wait', 'run_1')
    assert done.code == codes.INTERRUPTED
    assert 'could not be cancelled: This run has ended.' in done.err


def test_followed_log(service: FakeService, infra: Command) -> None:
    """A log that is followed ends with its run, and as that did."""
    parts = [said.part('a\n', complete=False, state='running'), said.part('b\n', 2)]
    service.on('GET', f'{RUN}/log', *parts)
    service.on('GET', RUN, said.failed())
    done = infra('logs', '-f', 'run_1')
    assert (done.code, done.out) == (codes.RUN_FAILED, 'a\nb\n')
    assert infra('logs', 'run_1').code == 0


def test_broken_log(service: FakeService, infra: Command) -> None:
    """A log that cannot be read to its end is no success."""
    part = said.part('a\n', complete=False, state='running')
    service.on('GET', f'{RUN}/log', part, problem(404, 'Gone.', 'not-found'))
    done = infra('logs', '-f', 'run_1')
    assert (done.code, done.out) == (codes.NOT_FOUND, 'a\n')


def test_log_as_json(service: FakeService, infra: Command) -> None:
    """As JSON a log is one part that has all of it."""
    parts = [said.part('a\n', complete=False, state='running'), said.part('b\n', 2)]
    service.on('GET', f'{RUN}/log', *parts)
    assert infra('logs', 'run_1', '--json').json == {**said.part('a\nb\n')}


def test_cancel(service: FakeService, infra: Command) -> None:
    """A cancel says that the run was asked, or that it has ended."""
    service.on(
        'POST',
        f'{RUN}/cancel',
        Answer(said.running(cancel_requested=True), 202),
        Answer(said.run(state='cancelled'), 202),
    )
    assert 'was asked to end' in infra('cancel', 'run_1').out
    assert infra('cancel', 'run_1').out == 'run_1 is cancelled.\n'


@pytest.mark.parametrize(('operation', 'code'), [('update', codes.CHANGES), ('same', codes.DONE)])
def test_detailed_exitcode(old: FakeService, infra: Command, operation: str, code: int) -> None:
    """A preview can say by its exit code whether there is something to change."""
    resources = [said.resource('a', operation)]
    found = said.run(operation='preview', resources=resources, changes={operation: 1})
    old.on('GET', RUN, found)
    assert infra('preview', 'web', '--detailed-exitcode').code == code
    assert infra('preview', 'web').code == codes.DONE


@pytest.mark.parametrize(
    'arguments', [['-i', 'sise=1'], ['--no-wait'], ['--unheard-of'], ['-i', 'size=4', '--json']]
)
def test_detailed_exitcode_of_errors(
    old: FakeService, infra: Command, arguments: list[str]
) -> None:
    """What goes wrong is no change to apply."""
    old.on('POST', f'{WEB}/runs', problem(422, 'No.', 'invalid'))
    done = infra('preview', 'web', '--detailed-exitcode', *arguments)
    assert done.code == codes.OTHER


def test_refresh(old: FakeService, infra: Command) -> None:
    """A refresh lists what was changed outside, and says how to undo it."""
    found = [said.resource('a', 'update'), said.resource('b', 'same')]
    old.on('GET', RUN, said.run(operation='refresh', resources=found))
    done = infra('refresh', 'web')
    assert done.out.splitlines()[1:] == ['~  change  a']
    assert 'to undo it: infra up web' in done.err


def test_empty_lists(service: FakeService, infra: Command) -> None:
    """An empty list is no result, and says what to do; as JSON it is empty."""
    service.on('GET', '/v1/stacks', said.page())
    service.on('GET', '/v1/programs', said.page())
    done = infra('ls')
    assert (done.code, done.out) == (0, '')
    assert 'infra up NAME' in done.err
    assert infra('ls', '--state', 'failed').err == 'No stack is like that.\n'
    assert infra('ls', '--json').json == said.page()
    assert infra('programs').out == ''


def test_lists(service: FakeService, infra: Command) -> None:
    """Lists are tables, ids with --quiet, and the service's objects with --json."""
    drift = {'checked_at': '2030-01-01T12:00:00Z', 'changes': {'update': 1}}
    stacks = [said.stack(drift=drift), said.stack(name='db', drift={**drift, 'changes': {}})]
    service.on('GET', '/v1/stacks', said.page(*stacks))
    service.on('GET', '/v1/programs', said.page(said.program(available=False, reason='It lacks.')))
    service.on('GET', '/v1/programs/files', said.program())
    service.on('GET', '/v1/runs', said.page(said.run(), said.run(id='run_0', reason='expired')))
    assert infra('ls').out.splitlines()[1:] == [
        'web    files    ready  1 changed  anna   never',
        'db     files    ready  none       anna   never',
    ]
    assert infra('ls', '-q').out == 'web\ndb\n'
    assert infra('ls', '--json').json == said.page(*stacks)
    assert 'Not available: It lacks.' in infra('programs').out
    assert infra('programs', '-q').out == 'files\n'
    assert 'array of string  (required)' in infra('program', 'files').out
    assert infra('program', 'files', '-q').out.split()[0] == 'names'
    assert infra('history', 'web', '-q', '-n', '1').out == 'run_1\n'
    assert 'expired' in infra('history', 'web').out


def test_history_of_nothing(service: FakeService, infra: Command) -> None:
    """Of a stack that never was there is no history."""
    service.on('GET', '/v1/runs', said.page())
    assert infra('history', 'web').code == codes.NOT_FOUND


def test_output(service: FakeService, infra: Command) -> None:
    """One output is a bare value; one that is secret, or not there, is an error."""
    service.on('GET', f'{WEB}/outputs', said.stack()['outputs'])
    assert infra('output', 'web', 'url').out == 'http://web\n'
    assert infra('output', 'web', 'ports').out == '[80, 443]\n'
    assert infra('output', 'web', 'url', '--json').out == '"http://web"\n'
    assert infra('output', 'web', '-q').out == 'url\nports\ntoken\n'
    missing = infra('output', 'web', 'uri')
    assert (missing.code, missing.out) == (codes.NOT_FOUND, '')
    assert 'url, ports, token' in missing.err
    secret = infra('output', 'web', 'token')
    assert (secret.code, secret.out) == (codes.OTHER, '')
    assert '--reveal' in secret.err
    service.on('POST', f'{WEB}/reveal', {'value': 'in clear'})
    assert infra('output', 'web', 'token', '--reveal').out == 'in clear\n'
    assert service.asked[-1].query == 'output=token'


def test_hostile_words(service: FakeService, infra: Command) -> None:
    """What the service says cannot command the terminal."""
    service.on('GET', WEB, said.stack(description='\x1b]0;x\x07' + 'long ' * 60 + '\x1b[2J'))
    done = infra('show', 'web')
    assert '\x1b' not in done.out
    assert 'Description  long long' in done.out
    service.on('GET', WEB, problem(404, 'no \x1b[31mstack', 'not-found'))
    assert '\x1b' not in infra('show', 'web').err


def test_resources(service: FakeService, infra: Command) -> None:
    """What a stack consists of is a table, or names."""
    part = {'urn': 'u', 'type': 'x:y:Z', 'name': 'a', 'id': None, 'parent': None}
    service.on('GET', f'{WEB}/resources', {'items': [part]}, {'items': [part]}, {'items': []})
    assert infra('resources', 'web').out.splitlines()[1:] == ['a         x:y:Z']
    assert infra('resources', 'web', '-q').out == 'a\n'
    assert infra('resources', 'web').out == ''


def test_open(service: FakeService, infra: Command) -> None:
    """The address of a stack's page is printed; one that is not there has none."""
    service.on('GET', WEB, said.stack())
    assert infra('open', 'web').out == f'{service.url}/portal/stacks/web\n'
    assert infra('open', 'other').code == codes.NOT_FOUND


def test_login(service: FakeService, infra: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token is stored once the service has taken it, for the commands that follow."""
    for variable in ('INFRA_URL', 'INFRA_TOKEN'):
        monkeypatch.delenv(variable)
    service.on('GET', '/v1/programs', problem(401, 'No.'), said.page())
    assert infra('login', service.url, stdin=b'planted-value-7319\n').code == codes.TOKEN
    assert not config_file.path().exists()
    done = infra('login', service.url, stdin=b'planted-value-7319\n')
    assert done.code == 0
    assert 'planted' not in done.out + done.err
    infra('programs')
    assert service.asked[-1].headers['Authorization'] == 'Bearer planted-value-7319'
    assert infra('status').out.splitlines()[:2] == [
        f'Service  {service.url} (from config.toml)',
        'Token    from config.toml',
    ]
    assert infra('logout').code == 0
    infra('programs')
    assert 'Authorization' not in service.asked[-1].headers
    assert infra('logout').out == 'No token was stored.\n'


def test_status(service: FakeService, infra: Command) -> None:
    """The status says where url and token come from, and ends as a command would."""
    service.on('GET', '/v1/programs', said.page(), problem(401, 'It is wrong.'))
    assert infra('status', '--json').json == {
        'url': service.url,
        'token': 'INFRA_TOKEN',
        'state': 'it answers',
    }
    done = infra('status')
    assert done.code == codes.TOKEN
    assert 'It is wrong.' in done.out


def test_closed_stdin(old: FakeService, infra: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where stdin is closed nobody can be asked, and what needs no answer works."""
    monkeypatch.setattr('tests.infra.command.io.TextIOWrapper', lambda stream: None)
    assert infra('up', 'web').code == codes.USAGE
    assert infra('login').code == codes.USAGE
    assert infra('show', 'web').code == codes.DONE


@pytest.mark.parametrize('shell', ['bash', 'zsh', 'fish'])
def test_completion(infra: Command, shell: str) -> None:
    """Each shell has its script."""
    done = infra('completion', shell)
    assert done.code == 0
    assert f'_INFRA_COMPLETE={shell}_complete' in done.out


def test_no_command(infra: Command) -> None:
    """Without a command the help is shown."""
    assert 'Commands:' in infra('--help').out
    assert os.environ['INFRA_TOKEN'] not in infra('--help').out
