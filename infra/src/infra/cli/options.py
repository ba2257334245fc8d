"""The options that several commands have, each told once."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from infra import durations
from infra.cli.context import Context
from infra.errors import SettingsError

# Shorter than the service takes, which gets it with a word behind it.
KEY = r'[!#-\[\]-~]{1,200}'
Command = TypeVar('Command', bound=Callable[..., Any])


def output(command: Command) -> Command:
    """Add --json and --quiet."""
    for names, words in (
        (('-q', '--quiet', 'quiet'), 'Print names or ids only.'),
        (('--json', 'as_json'), "Print the service's own JSON."),
    ):
        command = click.option(
            *names, is_flag=True, expose_value=False, is_eager=True, callback=_remember, help=words
        )(command)
    return insecure(command)


def insecure(command: Command) -> Command:
    """Add --insecure."""
    return click.option(
        '--insecure',
        is_flag=True,
        expose_value=False,
        callback=_remember,
        help='Allow the token over http to another machine.',
    )(command)


def waiting(command: Command) -> Command:
    """Add --no-wait and --timeout."""
    command = click.option(
        '--no-wait/--wait', 'no_wait', help='Only begin it, and print the run; or wait, as usual.'
    )(command)
    return timeout(command)


def timeout(command: Command) -> Command:
    """Add --timeout."""
    return click.option(
        '--timeout',
        callback=_seconds,
        metavar='TIME',
        help='How long to wait for a run, as 10m. It goes on afterwards.',
    )(command)


def yes(command: Command) -> Command:
    """Add --yes."""
    return click.option('-y', '--yes', is_flag=True, help='Do not ask.')(command)


def queue(command: Command) -> Command:
    """Add --queue."""
    return click.option(
        '--queue', is_flag=True, help='Where another run is on, wait for its end first.'
    )(command)


def key(command: Command) -> Command:
    """Add --idempotency-key."""
    return click.option(
        '--idempotency-key',
        'key',
        callback=_checked_key,
        metavar='KEY',
        help='Done once, however often the same command is given with this key within a day.',
    )(command)


def inputs(command: Command) -> Command:
    """Add what gives inputs."""
    for option in (
        click.option(
            '--secret',
            'secrets',
            multiple=True,
            metavar='KEY[=@FILE|=-]',
            help='A secret input: asked for, from a file, or from stdin.',
        ),
        click.option(
            '--input-file',
            metavar='FILE',
            help='Inputs from a file of JSON or YAML (.yaml, .yml).',
        ),
        click.option(
            '-i',
            '--input',
            'pairs',
            multiple=True,
            metavar='KEY=VALUE',
            help='An input; lists and objects as JSON; KEY=@FILE: from a file.',
        ),
    ):
        command = option(command)
    return command


def _seconds(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    try:
        return None if value is None else durations.parse(value)
    except SettingsError as error:
        raise click.BadParameter(str(error), ctx, param) from None


def _checked_key(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(KEY, value):
        words = 'must be 1 to 200 letters, digits and other characters of ASCII, without quotes.'
        raise click.BadParameter(words, ctx, param)
    return value


def _remember(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and param.name:
        setattr(ctx.ensure_object(Context), param.name, True)
