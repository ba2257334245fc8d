"""The commands that look at stacks and change what is written about them."""

from __future__ import annotations

import json
import sys
import webbrowser
from itertools import islice
from typing import Any
from urllib.parse import quote

import click

from infra.cli import codes, options, table, text, times, words
from infra.cli.context import Context, pass_context
from infra.cli.failures import Ended
from infra.records import Json, Run, Stack

SECRET = '[secret]'
FOR_EVER = 'never'


@click.command()
@click.option('-p', '--program', help='Only stacks of this program.')
@click.option('--state', help='Only stacks in this state, such as failed.')
@click.option('--owner', help='Only stacks of this owner.')
@click.option('--text', 'with_text', help='Only stacks with this in their name or description.')
@options.output
@pass_context
def ls(
    context: Context,
    *,
    program: str | None,
    state: str | None,
    owner: str | None,
    with_text: str | None,
) -> None:
    """List the stacks."""
    found = list(context.client.stacks(program=program, state=state, owner=owner, text=with_text))
    nothing = 'There are no stacks yet. To make one: infra up NAME --program PROGRAM'
    if program or state or owner or with_text:
        nothing = 'No stack is like that.'
    context.put_list(
        found,
        lambda each: each.name,
        ('STACK', 'PROGRAM', 'STATE', 'DRIFT', 'OWNER', 'EXPIRES'),
        lambda each: _row(context, each),
        nothing=nothing,
    )


@click.command()
@click.argument('name')
@options.output
@pass_context
def show(context: Context, name: str) -> None:
    """Show a stack."""
    found = context.client.stack(name)
    if context.as_json:
        context.put_json(found.json)
        return
    if context.quiet:
        context.put(found.name)
        return
    context.put_pairs(_about(context, found))
    for title, values in (('Inputs', found.inputs), ('Outputs', found.outputs)):
        if values:
            context.put(f'\n{title}')
            context.put_pairs([(f'  {name}', text.shown(each)) for name, each in values.items()])


@click.command()
@click.argument('name')
@click.argument('key', required=False)
@click.option('--reveal', is_flag=True, help='Of a KEY that is secret; the service notes it.')
@options.output
@pass_context
def output(context: Context, name: str, key: str | None, reveal: bool) -> None:
    """Show a stack's outputs, or the bare value of one, for scripts."""
    if reveal and key is None:
        raise click.UsageError('--reveal takes the KEY of one output.')
    found = context.client.outputs(name)
    if key is not None:
        value = _output(context, name, key, found, reveal)
        shown = json.dumps(value) if context.as_json else text.shown(value)
        # A script wants every character of it.
        click.echo(text.printable(shown) if table.is_terminal(sys.stdout) else shown)
    elif context.as_json:
        context.put_json(found)
    elif context.quiet:
        for each in found:
            context.put(each)
    else:
        context.put_pairs([(each, text.shown(value)) for each, value in found.items()])


@click.command()
@click.argument('name')
@options.output
@pass_context
def resources(context: Context, name: str) -> None:
    """List what a stack consists of."""
    found = context.client.resources(name)
    if context.as_json:
        context.put_json({'items': [each.json for each in found]})
    elif context.quiet:
        for each in found:
            context.put(each.name)
    elif found:
        rows = [(each.name, each.type, each.id or '') for each in found]
        context.put_table(('RESOURCE', 'TYPE', 'ID'), rows)
    else:
        context.say(f'{name} consists of nothing yet.')


@click.command()
@click.argument('name')
@click.argument('time')
@options.output
@pass_context
def extend(context: Context, name: str, time: str) -> None:
    """Have a stack last longer, by a TIME such as 8h, or `never` be destroyed by itself."""
    client = context.client
    found = client.set_time(name, None) if time == FOR_EVER else client.extend(name, time)
    _changed(context, found, f'{name} expires: {times.expiry(found.expires_at, context.now)}')


@click.command()
@click.argument('name')
@options.output
@pass_context
def protect(context: Context, name: str) -> None:
    """Have a stack refuse to be destroyed."""
    found = context.client.protect(name)
    _changed(context, found, f'{name} is protected: it is not destroyed, also not when it expires.')


@click.command()
@click.argument('name')
@options.output
@pass_context
def unprotect(context: Context, name: str) -> None:
    """Let a stack be destroyed again."""
    found = context.client.protect(name, False)
    _changed(context, found, f'{name} is not protected any more.')


@click.command()
@click.argument('name')
@click.option(
    '-n', '--limit', type=click.IntRange(1), default=20, show_default=True, help='How many.'
)
@options.output
@pass_context
def history(context: Context, name: str, limit: int) -> None:
    """List what was done with a stack, the newest first; also with one that is gone."""
    found = list(islice(context.client.runs(stack=name), limit))
    if not found:
        context.client.stack(name)  # Where there is none, nothing was done with it.
    heads = ('RUN', 'OPERATION', 'STATE', 'CHANGES', 'BY', 'BEGUN', 'TOOK')
    context.put_list(found, lambda each: each.id, heads, _run_row)


@click.command('open')
@click.argument('name')
@options.insecure
@pass_context
def open_(context: Context, name: str) -> None:
    """Print the address of a stack's page, and show it in a browser."""
    context.client.stack(name)
    url = f'{context.client.url}/portal/stacks/{quote(name, safe="")}'
    context.put(url)
    # In a pipe the address is what is wanted.
    if table.is_terminal(sys.stdout) and not webbrowser.open(url):
        context.say('There is no browser here that could show it.')


def _output(context: Context, name: str, key: str, found: Json, reveal: bool) -> Any:
    """Return one output; in clear where that is wanted."""
    if key not in found:
        names = ', '.join(found) or 'none'
        raise Ended(codes.NOT_FOUND, f'Error: {name} has no output {key!r}. Its outputs: {names}.')
    if reveal:
        return context.client.reveal(name, key)
    if SECRET in json.dumps(found[key]):
        raise Ended(codes.OTHER, f'Error: The output {key} is secret. To have it shown: --reveal')
    return found[key]


def _changed(context: Context, stack: Stack, told: str) -> None:
    if context.as_json:
        context.put_json(stack.json)
    elif context.quiet:
        context.put(stack.name)
    else:
        context.put(told)


def _row(context: Context, stack: Stack) -> tuple[str, ...]:
    expires = 'never'
    if stack.expires_at:
        expires = times.distance(stack.expires_at, context.now)
    return stack.name, stack.program, stack.state, _drift(stack), stack.owner, expires


def _run_row(run: Run) -> tuple[str, ...]:
    return (
        run.id,
        run.operation,
        run.state,
        words.counted_of(run),
        run.reason or run.caller,
        times.absolute(run.created_at),
        times.took(run.started_at, run.ended_at),
    )


def _drift(stack: Stack) -> str:
    if stack.drift is None:
        return ''
    return words.counted(stack.drift.changes) if any(stack.drift.changes.values()) else 'none'


def _about(context: Context, stack: Stack) -> list[tuple[str, str]]:
    drift = 'not looked for'
    if stack.drift:
        drift = f'{_drift(stack)}, checked {times.both(stack.drift.checked_at, context.now)}'
    rows = [
        ('Stack', stack.name),
        ('Program', stack.program),
        ('State', stack.state),
        ('Description', stack.description),
        ('Owner', stack.owner),
        ('Created', times.both(stack.created_at, context.now)),
        ('Expires', times.expiry(stack.expires_at, context.now)),
        ('Protected', 'yes' if stack.protected else 'no'),
        ('Drift', drift),
        ('Last run', stack.last_run or ''),
    ]
    return [(name, value) for name, value in rows if value]


COMMANDS = (ls, show, output, resources, extend, protect, unprotect, history, open_)
