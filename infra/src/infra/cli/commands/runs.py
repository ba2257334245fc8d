"""`infra logs`, `infra wait`, `infra cancel`: what goes on."""

from __future__ import annotations

import click

from infra.cli import codes, options, text, watching, words
from infra.cli.context import Context, pass_context
from infra.cli.failures import Ended
from infra.records import ACTIVE, LogPart, Run


@click.command()
@click.argument('run')
@click.option('-f', '--follow', is_flag=True, help='Until the run has ended; then tell how it did.')
@options.timeout
@options.output
@pass_context
def logs(context: Context, run: str, follow: bool, timeout: int | None) -> None:
    """Print the log of a run."""
    if timeout is not None and not follow:
        raise click.UsageError('--timeout is for --follow: without it, nothing is waited for.')
    if not follow:
        _print(context, run, follow=False, timeout=None)
        return
    context.lost = lambda error, seconds: context.say(
        f'No answer now, trying again in {seconds:.0f} s. {error}'
    )

    def wait() -> Run:
        _print(context, run, follow=True, timeout=timeout)
        return context.client.run(run)

    found = watching.interruptible(context, run, wait)
    if found.has_succeeded:
        context.say(words.end_of(found))
    elif context.as_json:
        raise Ended(codes.RUN_FAILED)
    else:
        raise Ended(codes.RUN_FAILED, words.end_of(found))


@click.command()
@click.argument('run')
@options.timeout
@options.output
@pass_context
def wait(context: Context, run: str, timeout: int | None) -> None:
    """Wait until a run has ended; tell how it did."""
    begun = context.client.run(run)
    found = watching.succeeded(context, watching.ended(context, begun, timeout))
    _give(context, found, words.end_of(found))


@click.command()
@click.argument('run')
@options.output
@pass_context
def cancel(context: Context, run: str) -> None:
    """Have a run end early: what is under way is finished; asked again, at once."""
    found = context.client.cancel(run)
    told = f'{run} is {found.state}.'
    if found.state in ACTIVE:
        told = f'{run} was asked to end. To wait for that: infra wait {run}'
    _give(context, found, told)


def _print(context: Context, run: str, follow: bool, timeout: int | None) -> None:
    """Print a log as it comes; as JSON, all of it in one part at its end."""
    parts: list[LogPart] = []
    for part in context.client.log(run, follow=follow, timeout=timeout):
        if context.as_json:
            parts.append(part)
        else:
            click.echo(text.printable(part.text), nl=False)
    if parts:
        whole = ''.join(part.text for part in parts)
        context.put_json({**parts[-1].json, 'offset': 0, 'text': whole})


def _give(context: Context, run: Run, told: str) -> None:
    if context.as_json:
        context.put_json(run.json)
    elif context.quiet:
        context.put(run.id)
    else:
        context.put(told)


COMMANDS = (logs, wait, cancel)
