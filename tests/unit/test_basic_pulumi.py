"""The steps of a run: their order, their log lines and their errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pulumi import automation as auto

import basic_pulumi
from basic_pulumi import (
    BusyError,
    DeadlineError,
    EngineUnavailableError,
    ProgramFailedError,
)
from tests.fake_pulumi import FakePulumi
from warm_pulumi import ClosedError, CommandTimeoutError, EngineDiedError

CONTEXT = basic_pulumi.set_context('organization', 'burner-program', 'dev', 'burner-program', 'id')


@pytest.fixture
def command() -> FakePulumi:
    return FakePulumi()


@pytest.fixture
def stack(command: FakePulumi) -> auto.Stack:
    return basic_pulumi.set_stack(CONTEXT, auto.LocalWorkspaceOptions(pulumi_command=command))


def test_context() -> None:
    """The context carries the page's names and the fully qualified stack name."""
    assert CONTEXT == {
        'org': 'organization',
        'project': 'burner-program',
        'stack': 'dev',
        'stack_name': 'organization/burner-program/dev',
        'dirname': 'burner-program',
        'request': 'id',
    }


def test_find_local() -> None:
    """A folder's name becomes its absolute path beside the helpers."""
    expected = Path(basic_pulumi.__file__).parent / 'burner-program'
    assert basic_pulumi.find_local('burner-program') == str(expected)


def test_page_lines(command: FakePulumi, capfd: pytest.CaptureFixture[str]) -> None:
    """A whole run logs the page's lines, in the page's order."""
    stack = basic_pulumi.set_stack(CONTEXT, auto.LocalWorkspaceOptions(pulumi_command=command))
    basic_pulumi.configure_project(stack, CONTEXT)
    basic_pulumi.refresh_stack(stack)
    basic_pulumi.update_stack(stack)
    basic_pulumi.destroy_stack(stack, destroy=True)
    out, err = capfd.readouterr()
    assert err.splitlines() == [
        'info: Successfully initialized stack',
        'info: Setting up the project config',
        'info: Project config set successfully',
        'info: Refreshing the stack',
        'info: Successfully refreshed stack',
        'info: Updating stack...',
        'info: Successfully updated the stack',
        'info: Summary: ',
        '{',
        '    "create": 2',
        '}',
        'info: Output: value of id',
        'info: Destroying the stack...',
        'info: Successfully destroyed the stack',
    ]
    name = CONTEXT['stack_name']
    assert out.splitlines() == [
        f'Refreshing ({name})',
        f'Updating ({name})',
        f'Destroying ({name})',
    ]


def test_update_returns_outputs(stack: auto.Stack) -> None:
    """The update hands back the outputs of the program for what was asked."""
    basic_pulumi.configure_project(stack, CONTEXT)
    assert basic_pulumi.update_stack(stack).outputs['id'].value == 'value of id'


def test_secret_output_is_not_logged(
    stack: auto.Stack, command: FakePulumi, capfd: pytest.CaptureFixture[str]
) -> None:
    """The log masks an output that Pulumi calls secret."""
    answers = iter([{'id': '[secret]'}, {'id': 'hidden value'}])
    command.outputs = lambda request: next(answers)
    basic_pulumi.configure_project(stack, CONTEXT)
    basic_pulumi.update_stack(stack)
    err = capfd.readouterr().err
    assert 'Output: [secret]' in err
    assert 'hidden value' not in err


def test_destroy_must_be_meant(
    stack: auto.Stack, command: FakePulumi, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without destroy=True the stack stays up, and the log says so."""
    basic_pulumi.destroy_stack(stack)
    assert 'destroy' not in command.commands
    assert 'info: You need to set destroy to true. Stack still up.' in capfd.readouterr().err


@pytest.mark.parametrize(
    ('stderr', 'expected'),
    [
        pytest.param('error: the program is wrong', ProgramFailedError, id='program'),
        pytest.param('error: incorrect passphrase', EngineUnavailableError, id='passphrase'),
        pytest.param(
            "error: no resource plugin 'pulumi-resource-random' found",
            EngineUnavailableError,
            id='plugin',
        ),
        pytest.param('error: the stack is currently locked by 1 lock(s).', BusyError, id='locked'),
    ],
)
def test_failed_update(
    stack: auto.Stack,
    command: FakePulumi,
    capfd: pytest.CaptureFixture[str],
    stderr: str,
    expected: type[Exception],
) -> None:
    """A failed update is logged with the page's line and raised as what it means."""
    command.failures['up'] = [stderr]
    with pytest.raises(expected, match=stderr[7:20]):
        basic_pulumi.update_stack(stack)
    assert 'error: Failure when trying to update the stack:' in capfd.readouterr().err


def test_failed_backend(command: FakePulumi) -> None:
    """A stack that cannot be selected means that the surroundings are wrong, not the program."""
    command.failures['stack select'] = ['error: unable to open bucket']
    with pytest.raises(EngineUnavailableError):
        basic_pulumi.set_stack(CONTEXT, auto.LocalWorkspaceOptions(pulumi_command=command))


def test_new_backend_race(command: FakePulumi) -> None:
    """Who loses the race to make a new backend's table finds it there; a second loss is told."""
    lost = 'error: unable to open state database: failed to create table pulumi_state'
    options = auto.LocalWorkspaceOptions(pulumi_command=command)
    command.failures['stack select'] = [lost]
    basic_pulumi.set_stack(CONTEXT, options)
    command.failures['stack select'] = [lost, lost]
    with pytest.raises(EngineUnavailableError):
        basic_pulumi.set_stack(CONTEXT, options)


def test_destroy_that_ends_early(command: FakePulumi, stack: auto.Stack) -> None:
    """A destroy that calls itself a success, but leaves resources, has failed."""
    stack.set_config('request', auto.ConfigValue('id'))
    basic_pulumi.update_stack(stack)
    command.not_destroyed = 1
    with pytest.raises(ProgramFailedError):
        basic_pulumi.destroy_stack(stack, destroy=True)
    basic_pulumi.destroy_stack(stack, destroy=True)


def test_engine_dies_idle() -> None:
    """An engine that died since the last run costs no answer; one that dies again is told."""

    class Dying(FakePulumi):
        deaths = 1

        def run(self, args: list[str], *rest: Any, **named: Any) -> auto.CommandResult:
            if self.deaths:
                self.deaths -= 1
                died = auto.CommandResult(stdout='', stderr='the engine died', code=-9)
                raise EngineDiedError(args, died)
            return super().run(args, *rest, **named)

    command = Dying()
    options = auto.LocalWorkspaceOptions(pulumi_command=command)
    basic_pulumi.set_stack(CONTEXT, options)
    command.deaths = 2
    with pytest.raises(EngineUnavailableError):
        basic_pulumi.set_stack(CONTEXT, options)


def test_missing_executable() -> None:
    """An engine that is not there is told apart from a program that fails."""

    class Missing(FakePulumi):
        def run(self, *args: object, **kwargs: object) -> auto.CommandResult:
            raise FileNotFoundError(2, 'No such file or directory', '/gone/pulumi')

    with pytest.raises(EngineUnavailableError, match='/gone/pulumi'):
        basic_pulumi.set_stack(CONTEXT, auto.LocalWorkspaceOptions(pulumi_command=Missing()))


def test_closed_engine(stack: auto.Stack, command: FakePulumi) -> None:
    """An engine that a shutdown has closed is no defect: the run can be done again."""

    def closed() -> None:
        raise ClosedError

    command.during_up = closed
    with pytest.raises(EngineUnavailableError, match='shutting down'):
        basic_pulumi.update_stack(stack)


def test_passed_deadline(stack: auto.Stack, command: FakePulumi) -> None:
    """A command that was ended at its deadline is a DeadlineError."""

    def too_late() -> None:
        raise CommandTimeoutError(['up'], auto.CommandResult('', '', -2), killed=False)

    command.during_up = too_late
    with pytest.raises(DeadlineError):
        basic_pulumi.update_stack(stack)


def test_defects_pass_through(stack: auto.Stack, command: FakePulumi) -> None:
    """An error that is nobody's but ours keeps its class, so that it is seen as a defect."""

    def defect() -> None:
        raise ZeroDivisionError

    command.during_up = defect
    with pytest.raises(ZeroDivisionError):
        basic_pulumi.update_stack(stack)
