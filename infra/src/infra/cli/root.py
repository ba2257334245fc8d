"""`infra` itself: its commands, and how it ends."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from infra.cli import codes, failures
from infra.cli.commands import (
    access,
    completion,
    migrating,
    operations,
    programs,
    runs,
    stacks,
    triggers,
    up,
)
from infra.cli.context import Context
from infra.errors import InfraError
from infra.version import __version__
from infra.waiting import Surroundings

HELP_NAMES = ['-h', '--help']


@click.group(context_settings={'help_option_names': HELP_NAMES})
@click.version_option(__version__, prog_name='infra')
def infra() -> None:
    """Stacks from the programs of your platform's catalogue.

    Begin with `infra login URL`, then `infra programs`, then `infra up NAME --program PROGRAM`.

    \b
    Exit codes: 0 done, 1 other, 2 usage or refused inputs, 3 token, 4 run failed,
    5 no such thing, 6 conflict, 124 timed out waiting, 130 interrupted.
    """


for each in (
    *programs.COMMANDS,
    *up.COMMANDS,
    *operations.COMMANDS,
    *stacks.COMMANDS,
    *runs.COMMANDS,
    *migrating.COMMANDS,
    *triggers.COMMANDS,
    *access.COMMANDS,
    *completion.COMMANDS,
):
    infra.add_command(each)


def main() -> NoReturn:
    """Run the command line of this process."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        # What the terminal's encoding lacks becomes a question mark; nothing fails for it.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors='replace')
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str], around: Surroundings | None = None) -> int:
    """Run a command line; return its exit code."""
    context = Context(around=around or Surroundings())
    try:
        _insist_on_text(arguments)
        code = infra.main(list(arguments), 'infra', standalone_mode=False, obj=context)
        if sys.stdout is not None:
            sys.stdout.flush()
    except InfraError as error:
        failures.tell(error, context.as_json)
        return _unambiguous(failures.code_of(error), arguments)
    except failures.Ended as ended:
        if ended.message:
            failures.tell_words('Not done', ended.message, context.as_json)
        return ended.exit_code
    except click.ClickException as error:
        if context.as_json:
            failures.tell_words('Usage', error.format_message(), as_json=True)
        else:
            error.show()
        return _unambiguous(error.exit_code, arguments)
    except (click.Abort, KeyboardInterrupt):
        return codes.INTERRUPTED
    except OSError as error:
        # All others have been told as InfraError: this is the output's.
        _close_stdout()
        if not isinstance(error, BrokenPipeError):
            context.warn(f'Error: The output cannot be written: {error.strerror}.')
        return codes.OTHER
    return code if isinstance(code, int) else codes.DONE


def _unambiguous(code: int, arguments: Sequence[str]) -> int:
    """Return the exit code of an error, which must not say that there are changes."""
    is_taken = '--detailed-exitcode' in arguments and code == codes.CHANGES
    return codes.OTHER if is_taken else code


def _insist_on_text(arguments: Sequence[str]) -> None:
    """Raise UsageError for bytes that are no text in the terminal's encoding."""
    for each in arguments:
        if not each.isascii() and each.encode('utf-8', 'replace').decode('utf-8') != each:
            raise click.UsageError(f'{each!r} is no text in the encoding of your locale.')


def _close_stdout() -> None:
    """Have the interpreter not flush, at its end, what nobody reads any more."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
