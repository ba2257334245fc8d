"""The steps of one run of a Pulumi program, and what can go wrong in them.

ProvisioningError
 ├── EngineUnavailableError   no engine, or it is not set up rightly: a person must act
 ├── BusyError                no stack is free for this run at the moment
 ├── DeadlineError            a step took longer than it was given
 └── ProgramFailedError       the program, its provider or its engine failed in the run
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from pulumi import automation as auto

import metrics
import program_venv
from warm_pulumi import (
    ClosedError,
    CommandTimeoutError,
    EngineDiedError,
    EngineStartError,
    time_left,
)

Context = dict[str, str]
OnOutput = Callable[[str], object]
OnEvent = Callable[[auto.EngineEvent], object]

MISCONFIGURED = re.compile(
    'incorrect passphrase'
    '|passphrase must be set'
    '|failed to load language plugin'
    '|no resource plugin'
    '|no language plugin'
    '|unable to open state (database|directory)'
)

# Of two that open a new PostgreSQL backend at once, both make its table and one fails; the table is
# then there for good.
NEW_BACKEND_RACE = 'failed to create table'
UNAVAILABLE = (
    auto.CommandError,
    auto.InvalidVersionError,
    EngineStartError,
    OSError,
    program_venv.VenvError,
)


class ProvisioningError(Exception):
    """Base of the errors of a run; the message is for the log, not for the client."""


class EngineUnavailableError(ProvisioningError):
    """There is no engine, or it is not set up rightly."""


class BusyError(ProvisioningError):
    """No stack is free; trying again in `retry_after` seconds may succeed."""

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DeadlineError(ProvisioningError):
    """A step took longer than it was given."""


class ProgramFailedError(ProvisioningError):
    """The program, its provider or its engine failed."""


def stream(line: str) -> None:
    """Print a line of Pulumi's output."""
    _say(sys.stdout, line)


def _info(message: str) -> None:
    """Print what goes on, in the form of `pulumi.info`."""
    _say(sys.stderr, f'info: {message}')


def _error(message: str) -> None:
    """Print what failed, in the form of `pulumi.error`."""
    _say(sys.stderr, f'error: {message}')


def _say(file: TextIO | None, line: str) -> None:
    """Print a line; a file that is closed, broken or knows few characters harms no run."""
    if file is None:  # What it stood for was closed when Python started.
        return
    encoding = file.encoding or 'utf-8'
    known = line.encode(encoding, 'backslashreplace').decode(encoding)
    # A ValueError says that it was closed since.
    with suppress(OSError, ValueError):
        # Gunicorn's stdout is often a pipe: without the flush, output would arrive long after.
        print(known, file=file, flush=True)


def set_context(org: str, project: str, stack: str, dirname: str, req: str) -> Context:
    """Return the names that the other steps share.

    org, project, stack: as in the stack name `org/project/stack`.
    dirname: folder of the program, beside this file.
    req: what the program is asked for, its config value `request`.
    """
    return {
        'org': org,
        'project': project,
        'stack': stack,
        'stack_name': auto.fully_qualified_stack_name(org, project, stack),
        'dirname': dirname,
        'request': req,
    }


def find_local(dirname: str) -> str:
    """Return the absolute path of `dirname`, which stands beside this file."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), dirname)


def spin_venv(dirname: str) -> None:
    """Make the program's own venv with its requirements, unless it is there and up to date.

    Raises ProvisioningError: EngineUnavailableError when it cannot be made, DeadlineError when
    that takes longer than the run may.
    """
    with _reported('venv', 'Failure while setting up a virtual environment:'):
        _info('Preparing a virtual environment...')
        program_venv.ensure(Path(find_local(dirname)), time_left())
        _info('Virtual environment set up')


def set_stack(context: Context, options: auto.LocalWorkspaceOptions | None = None) -> auto.Stack:
    """Create or select the stack of `context` and return it.

    options: how to drive Pulumi; the surroundings that the CLI itself would use when None.

    Raises ProvisioningError: EngineUnavailableError when the backend or the engine is not usable.
    """
    with _reported('stack', 'Failure when trying to initialize the stack:', EngineUnavailableError):
        try:
            stack = _create_or_select(context, options)
        except auto.CommandError as error:
            # An engine that was just killed may still have looked alive; twice does no harm here.
            if NEW_BACKEND_RACE not in str(error) and not isinstance(error, EngineDiedError):
                raise
            stack = _create_or_select(context, options)
        _info('Successfully initialized stack')
        return stack


def _create_or_select(context: Context, options: auto.LocalWorkspaceOptions | None) -> auto.Stack:
    return auto.create_or_select_stack(
        stack_name=context['stack_name'],
        work_dir=find_local(context['dirname']),
        opts=options,
    )


def configure_project(stack: auto.Stack, context: Context) -> None:
    """Put what `context` asks for into the stack's config.

    Raises ProvisioningError.
    """
    with _reported(
        'config', 'Failure when trying to set project configuration:', EngineUnavailableError
    ):
        _info('Setting up the project config')
        stack.set_config('request', auto.ConfigValue(value=context['request']))
        _info('Project config set successfully')


def refresh_stack(
    stack: auto.Stack,
    clear_pending_creates: bool | None = None,
    on_output: OnOutput = stream,
    on_event: OnEvent | None = None,
) -> None:
    """Bring the stack's state in line with what is really there.

    clear_pending_creates: forget creates that a crash cut short, instead of keeping them pending.
    on_output, on_event: get each line of Pulumi's output, and each event of its engine.

    Raises ProvisioningError.
    """
    with _reported('refresh', 'Failure when trying to refresh the stack:'):
        _info('Refreshing the stack')
        stack.refresh(
            on_output=on_output, on_event=on_event, clear_pending_creates=clear_pending_creates
        )
        _info('Successfully refreshed stack')


def unlock_stack(stack: auto.Stack) -> None:
    """Remove every lock of the stack; only for locks whose owners are known to be dead.

    Raises ProvisioningError.
    """
    with _reported('unlock', 'Failure when trying to unlock the stack:'):
        stack.cancel()


def export_stack(stack: auto.Stack) -> dict[str, Any]:
    """Return what Pulumi knows of the stack, its secrets in clear: the caller keeps them so.

    Raises ProvisioningError.
    """
    with _reported('export', 'Failure when trying to read the state of the stack:'):
        return dict(stack.export_stack().deployment or {})


def rename_stack(stack: auto.Stack, context: Context) -> None:
    """Give the stack the name of `context`.

    Raises ProvisioningError.
    """
    with _reported('rename', 'Failure when trying to rename the stack:'):
        stack.rename(context['stack_name'])


def preview_stack(
    stack: auto.Stack, on_output: OnOutput, on_event: OnEvent, refresh: bool = False
) -> None:
    """Run the program and tell what an update would do; nothing is changed.

    on_output, on_event: get each line of Pulumi's output, and each event of its engine.
    refresh: look first what is there.

    Raises ProvisioningError: ProgramFailedError when the program fails.
    """
    with _reported('preview', 'Failure when trying to preview an update of the stack:'):
        stack.preview(on_output=on_output, on_event=on_event, refresh=refresh)


def preview_refresh(stack: auto.Stack, on_output: OnOutput, on_event: OnEvent) -> None:
    """Tell what has changed outside; nothing is taken over.

    on_output, on_event: get each line of Pulumi's output, and each event of its engine.

    Raises ProvisioningError.
    """
    with _reported('preview_refresh', 'Failure when trying to look for changes outside:'):
        stack.preview_refresh(on_output=on_output, on_event=on_event)


def update_stack(
    stack: auto.Stack,
    on_output: OnOutput = stream,
    on_event: OnEvent | None = None,
    tell: bool = True,
    refresh: bool = False,
) -> auto.UpResult:
    """Run the program and make what it declares; return the result with its outputs.

    on_output, on_event: get each line of Pulumi's output, and each event of its engine.
    tell: print the outputs. Of an object only the engine knows which parts are secret.
    refresh: look first what is there.

    Raises ProvisioningError: ProgramFailedError when the program or a resource fails.
    """
    with _reported('update', 'Failure when trying to update the stack:'):
        _info('Updating stack...')
        result = stack.up(on_output=on_output, on_event=on_event, refresh=refresh)
        _info('Successfully updated the stack')
        if tell:
            _tell(result)
        return result


def _tell(result: auto.UpResult) -> None:
    changes = json.dumps(result.summary.resource_changes, indent=4)
    _info(f'Summary: \n{changes}')
    for output in result.outputs.values():
        _info(f'Output: {"[secret]" if output.secret else output.value}')


def destroy_stack(
    stack: auto.Stack,
    destroy: bool = False,
    on_output: OnOutput = stream,
    on_event: OnEvent | None = None,
) -> None:
    """Destroy everything in the stack, if `destroy` says so; the stack itself stays.

    on_output, on_event: get each line of Pulumi's output, and each event of its engine.

    Raises ProvisioningError.
    """
    with _reported('destroy', 'Failure when trying to destroy the stack:'):
        if not destroy:
            _info('You need to set destroy to true. Stack still up.')
            return
        _info('Destroying the stack...')
        stack.destroy(on_output=on_output, on_event=on_event)
        # One that was cancelled, by a signal from outside, may end before its time as a success.
        if left := export_stack(stack).get('resources'):
            raise ProgramFailedError(f'{len(left)} resources are left in stack {stack.name}')
        _info('Successfully destroyed the stack')


@contextmanager
def _reported(
    step: str, message: str, failure: type[ProvisioningError] = ProgramFailedError
) -> Iterator[None]:
    """Time a step; when it fails, log `message` and give its error the class that callers know.

    failure: what it means when Pulumi's command fails for no reason that we know by its text.
    """
    try:
        with metrics.STEPS.labels(step).time():
            yield
    except ProvisioningError:
        _error(message)
        raise
    except Exception as error:
        _error(message)
        raise _translated(error, failure) from error


def _translated(error: Exception, failure: type[ProvisioningError]) -> Exception:
    """Return `error` as one of ours, or itself when it is a defect of this service."""
    if isinstance(error, CommandTimeoutError | program_venv.VenvLateError):
        return DeadlineError(str(error))
    if isinstance(error, ClosedError):
        return EngineUnavailableError('The service is shutting down.')
    if isinstance(error, auto.ConcurrentUpdateError):
        return BusyError(str(error))
    if isinstance(error, auto.CommandError) and not MISCONFIGURED.search(str(error)):
        return failure(str(error))
    if isinstance(error, UNAVAILABLE):
        return EngineUnavailableError(str(error))
    return error
