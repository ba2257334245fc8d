"""Questions, asked on stderr of whoever sits at the terminal."""

from __future__ import annotations

import getpass
import sys

import click

from infra.cli.context import Context


def insist_on_terminal(context: Context, instead: str) -> None:
    """Raise UsageError, which says what to do instead, where nobody can be asked."""
    if not context.is_terminal:
        raise click.UsageError(f'There is no terminal to ask at: {instead}')


def agreed(question: str) -> bool:
    """Ask something that is done only when the answer is yes."""
    return line(f'{question} [y/N] ').strip().lower() in ('y', 'yes')


def line(question: str) -> str:
    """Ask something; the answer is empty where there is none."""
    # Not by `input`, which would write a part of the question to stdout.
    click.echo(question, nl=False, err=True)
    answer = sys.stdin.readline()
    if not answer:
        click.echo(err=True)
    return answer.rstrip('\n')


def hidden(question: str) -> str:
    """Ask for something that does not show while it is typed; empty where there is no answer."""
    try:
        return getpass.getpass(question)
    except EOFError:
        click.echo(err=True)
        return ''
