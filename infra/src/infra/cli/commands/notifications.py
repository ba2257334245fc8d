"""`infra notifications`: who was told of what."""

from __future__ import annotations

from itertools import islice

import click

from infra.cli import options, text, times
from infra.cli.context import Context, pass_context
from infra.records import Notification

STATES = ('waiting', 'delivered', 'failed', 'dropped')


@click.command()
@click.option('--state', type=click.Choice(STATES), help='Only those in this state.')
@click.option('--destination', metavar='NAME', help='Only those to this destination.')
@click.option('--stack', metavar='NAME', help='Only those about this stack.')
@click.option('--limit', type=click.IntRange(min=1), default=50, help='How many at most.')
@options.output
@pass_context
def notifications(
    context: Context, state: str | None, destination: str | None, stack: str | None, limit: int
) -> None:
    """List what others were told, or will be, the newest first; for operators."""
    listed = context.client.notifications(state=state, destination=destination, stack=stack)
    found = list(islice(listed, limit))
    heads = ('EVENT', 'STACK', 'TO', 'STATE', 'ATTEMPTS', 'LAST ANSWER', 'WHEN')
    nothing = 'Nobody was told of anything.'
    context.put_list(found, lambda each: each.id, heads, _row, nothing=nothing)


def _row(each: Notification) -> tuple[str, ...]:
    status = '' if each.status is None else str(each.status)
    answer = text.one_line(f'{status} {each.answer}'.strip())
    moment = times.absolute(each.created_at)
    told = (each.type, each.stack, each.destination, each.state)
    return (*told, str(each.attempts), answer, moment)


COMMANDS = (notifications,)
