"""`infra preview`, `infra refresh`, `infra destroy`: the other runs of a stack."""

from __future__ import annotations

from collections.abc import Sequence

import click

from infra.cli import asking, codes, inputs, options, plan, times, watching, words
from infra.cli.context import Context, pass_context
from infra.cli.failures import Ended
from infra.records import Run, Stack


@click.command()
@click.argument('name')
@options.inputs
@click.option(
    '--detailed-exitcode',
    is_flag=True,
    help='End with 0: nothing to change; 2: something is; 1: wrong usage.',
)
@options.queue
@options.waiting
@options.output
@pass_context
def preview(
    context: Context,
    *,
    name: str,
    pairs: Sequence[str],
    input_file: str | None,
    secrets: Sequence[str],
    detailed_exitcode: bool,
    queue: bool,
    no_wait: bool,
    timeout: int | None,
) -> None:
    """Show what an update would change, with the inputs as they are or with other ones."""
    if no_wait and detailed_exitcode:
        raise click.UsageError('--detailed-exitcode takes the end of the run: not with --no-wait.')
    schema = context.client.program(context.client.stack(name).program).inputs
    given = inputs.gathered(context, schema, pairs, input_file, secrets)
    begun = watching.begun(name, lambda: context.client.preview(name, given, queue=queue))
    run = _done(context, begun, no_wait, timeout)
    if context.as_json or context.quiet or no_wait:
        _give(context, run, no_wait)
    else:
        plan.put(context, run)
    if detailed_exitcode and plan.has_changes(run):
        raise Ended(codes.CHANGES)


@click.command()
@click.argument('name')
@click.option('--preview-only', is_flag=True, help='Only look: the default, told explicitly.')
@click.option('--accept', is_flag=True, help='Take over what is found.')
@options.queue
@options.waiting
@options.output
@pass_context
def refresh(
    context: Context,
    *,
    name: str,
    preview_only: bool,
    accept: bool,
    queue: bool,
    no_wait: bool,
    timeout: int | None,
) -> None:
    """Look for what was changed outside; with --accept take it over."""
    if preview_only and accept:
        raise click.UsageError('--preview-only and --accept exclude each other.')
    begun = watching.begun(name, lambda: context.client.refresh(name, accept=accept, queue=queue))
    run = _done(context, begun, no_wait, timeout)
    if context.as_json or context.quiet or no_wait:
        _give(context, run, no_wait)
        return
    found = words.by_danger(run.resources)
    if found:
        rows = [(*words.marked(each.operation), each.name) for each in found]
        context.put_table(('', '', 'CHANGED OUTSIDE'), rows)
        told = 'taken over' if accept else f'to undo it: infra up {name}'
        context.say(f'{name} was changed outside; {told}.')
    else:
        context.say(f'{name} is as it was left: nothing was changed outside.')


@click.command()
@click.argument('name')
@options.yes
@options.queue
@options.key
@options.waiting
@options.output
@pass_context
def destroy(
    context: Context,
    *,
    name: str,
    yes: bool,
    queue: bool,
    key: str | None,
    no_wait: bool,
    timeout: int | None,
) -> None:
    """Destroy what a stack has made, then remove the stack."""
    if not yes:
        asking.insist_on_terminal(context, 'give --yes to destroy it without a question.')
        _ask(context, context.client.stack(name))
    begun = watching.begun(name, lambda: context.client.destroy(name, queue=queue, key=key))
    run = _done(context, begun, no_wait, timeout)
    _give(context, run, no_wait)


def _ask(context: Context, stack: Stack) -> None:
    """Raise Ended when whoever is asked does not name the stack."""
    made = times.absolute(stack.created_at)
    context.warn(
        f'{stack.name} is of {stack.owner}, from the program {stack.program}, made {made}.\n'
        'All that it has made is destroyed, with what is in it. This cannot be undone.'
    )
    if asking.line(f'To destroy it, type its name ({stack.name}): ').strip() != stack.name:
        raise Ended(codes.OTHER, 'That is not its name. Nothing was destroyed.')


def _done(context: Context, run: Run, no_wait: bool, timeout: int | None) -> Run:
    if no_wait:
        return run
    return watching.succeeded(context, watching.ended(context, run, timeout))


def _give(context: Context, run: Run, no_wait: bool) -> None:
    if context.as_json:
        context.put_json(run.json)
    elif context.quiet or no_wait:
        context.put(run.id)
    else:
        context.say(words.end_of(run))


COMMANDS = (preview, refresh, destroy)
