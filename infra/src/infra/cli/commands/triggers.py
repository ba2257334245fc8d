"""`infra triggers`: what calls of other services do, tried and looked at."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from infra.cli import codes, options, times
from infra.cli.context import Context, pass_context
from infra.cli.failures import Ended
from infra.records import TriggerEvent


@click.group()
def triggers() -> None:
    """What alerts, chats and webhooks have done."""


@triggers.command()
@click.argument('file')
@options.output
@pass_context
def check(context: Context, file: str) -> None:
    """Tell what is wrong with FILE, a file of rules, for this service; FILE is - for stdin."""
    flaws = context.client.check_rules(_read(file))
    if context.as_json:
        context.put_json({'flaws': [each.json for each in flaws]})
    else:
        for each in flaws:
            context.put(f'{file}:{each.line}: {f"{each.field} {each.detail}".strip()}')
    if flaws:
        raise Ended(codes.USAGE)
    context.say(f'{file} can be used.')


@triggers.command()
@click.argument('source')
@click.argument('file')
@click.option(
    '-H',
    '--header',
    'headers',
    multiple=True,
    metavar='NAME:VALUE',
    help='A header that tells what the call is about, as X-GitHub-Event:push; several.',
)
@options.output
@pass_context
def test(context: Context, source: str, file: str, headers: Sequence[str]) -> None:
    """Tell what would come of a recorded call of SOURCE, whose body is FILE; nothing is done."""
    found = context.client.test_call(source, _read(file), dict(map(_header, headers)))
    _give(context, found)


@triggers.command()
@click.option('--source', metavar='NAME', help='Only events of this source.')
@click.option('--rule', metavar='ID', help='Only events of this rule.')
@click.option('--stack', metavar='NAME', help='Only events about this stack.')
@click.option('--outcome', metavar='WORD', help='Only events of which this came, as started.')
@click.option(
    '-n', '--limit', type=click.IntRange(min=1), default=50, metavar='N', help='How many at most.'
)
@options.output
@pass_context
def events(
    context: Context,
    *,
    source: str | None,
    rule: str | None,
    stack: str | None,
    outcome: str | None,
    limit: int,
) -> None:
    """List what calls told and what was decided, the newest first."""
    found = context.client.trigger_events(
        source=source, rule=rule, stack=stack, outcome=outcome, limit=limit
    )
    _give(context, found)


def _give(context: Context, found: Sequence[TriggerEvent]) -> None:
    heads = ('WHEN', 'SOURCE', 'WHAT', 'OUTCOME', 'STACK', 'RUN', 'WHY')
    nothing = 'There are no events.'
    context.put_list(found, lambda each: each.id, heads, _row, nothing=nothing)


def _row(event: TriggerEvent) -> tuple[str, ...]:
    return (
        times.absolute(event.received_at),
        event.source,
        f'{event.name} {event.status}',
        event.outcome,
        event.stack,
        event.run or '',
        event.reason,
    )


def _read(file: str) -> str:
    if file == '-':
        return sys.stdin.read()
    try:
        return Path(file).read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f'{file} cannot be read: {error}') from None


def _header(text: str) -> tuple[str, str]:
    name, sep, value = text.partition(':')
    if not sep or not name.strip():
        raise click.UsageError(f'{text!r} is no header: it must be as NAME:VALUE.')
    return name.strip(), value.strip()


COMMANDS = (triggers,)
