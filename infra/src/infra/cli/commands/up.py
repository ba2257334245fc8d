"""`infra up`: make a stack, or have it be as its program and inputs say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import click

from infra.cli import asking, codes, inputs, options, plan, text, watching, words
from infra.cli.context import Context, pass_context
from infra.cli.failures import Ended
from infra.errors import ConflictError, InfraError, InvalidError, NotFoundError
from infra.records import Json, Run, Stack


@dataclass(frozen=True)
class Wish:
    """What a stack is to be.

    program: empty where none was named. timeout: seconds to wait for each run.
    key: what makes the same command given again the same order; None: it is one of its own.
    """

    name: str
    program: str
    inputs: Json
    ttl: str | None
    description: str | None
    yes: bool
    wait: bool
    queue: bool
    timeout: int | None
    key: str | None = None

    def key_of(self, step: str) -> str | None:
        """Return the key of a step; each is an order of its own."""
        return f'{self.key}-{step}' if self.key else None


@click.command()
@click.argument('name')
@click.option('-p', '--program', default='', help='The program; for a new stack.')
@options.inputs
@click.option('--ttl', metavar='TIME', help='Destroy it after this time from now, as 8h.')
@click.option('--description', help='What it is for.')
@options.yes
@options.queue
@options.key
@options.waiting
@options.output
@pass_context
def up(
    context: Context,
    *,
    name: str,
    program: str,
    pairs: Sequence[str],
    input_file: str | None,
    secrets: Sequence[str],
    ttl: str | None,
    description: str | None,
    yes: bool,
    queue: bool,
    key: str | None,
    no_wait: bool,
    timeout: int | None,
) -> None:
    """Make a stack, or update it: show what would change, ask, do it.

    Of a stack that is there, give the inputs that change. --no-wait skips the preview.
    """
    if no_wait and not yes:
        raise click.UsageError('--no-wait shows no preview, so it takes --yes.')
    if not yes:
        asking.insist_on_terminal(context, 'give --yes to go ahead without a question.')
    stack = find(context, name)
    known = stack.program if stack else program
    _insist_on_program(name, stack, program)
    schema = context.client.program(known).inputs
    given = inputs.gathered(context, schema, pairs, input_file, secrets)
    wish = Wish(name, known, given, ttl, description, yes, not no_wait, queue, timeout, key)
    if stack and (made := _made_before(context, wish, program)):
        _give(context, wish, _ended(context, wish, made))
    else:
        _give(context, wish, _changed(context, wish) if stack else _made(context, wish))


def _made_before(context: Context, wish: Wish, program: str) -> Run | None:
    """Return the run by which the same command has made the stack; None where none has."""
    if not (wish.key and wish.yes and program):
        return None
    try:
        return _created(context, wish, preview=False)
    except (ConflictError, InvalidError) as error:
        # Of a stack that is there, not all inputs need be given.
        if error.kind == 'key-reused':
            raise
        return None


def find(context: Context, name: str) -> Stack | None:
    """Return a stack, if there is one of this name."""
    try:
        return context.client.stack(name)
    except NotFoundError:
        return None


def _insist_on_program(name: str, stack: Stack | None, program: str) -> None:
    if stack is None and not program:
        raise Ended(
            codes.NOT_FOUND,
            f'Error: There is no stack {name}. To make it, name its program: --program PROGRAM '
            '(infra programs lists them).',
        )
    if stack and program and stack.program != program:
        raise click.UsageError(f'The stack {name} is of the program {stack.program}.')


def _made(context: Context, wish: Wish) -> Run:
    """Make a new stack; return the last run of it."""
    if wish.yes:
        return _ended(context, wish, _created(context, wish, preview=False))
    if context.client.can_preview_new():
        return _made_by_preview(context, wish)
    context.warn(f'{wish.name} is new. This service shows no preview of new stacks.')
    if not asking.agreed(f'Make {wish.name} from {wish.program}?'):
        raise Ended(codes.OTHER, 'Nothing was done.')
    return _ended(context, wish, _created(context, wish, preview=False))


def _made_by_preview(context: Context, wish: Wish) -> Run:
    preview = _previewed_new(context, wish)
    if not preview.has_succeeded:
        discard(context, preview, wish.timeout)
        watching.succeeded(context, preview)
    plan.tell(context, preview)
    if not _agreed(context, wish, preview, f'Make {wish.name}?'):
        raise Ended(codes.OTHER, 'Nothing was made.')
    return _ended(context, wish, _updated(context, wish, preview))


def _previewed_new(context: Context, wish: Wish) -> Run:
    """Return the preview of a new stack, which is there from then on."""
    run = _created(context, wish, preview=True)
    try:
        return watching.ended(context, run, wish.timeout)
    except (InfraError, Ended):
        context.warn(
            f'{wish.name} is there for this preview only. To go on: infra up {wish.name}. '
            f'To discard it: infra destroy {wish.name}'
        )
        raise


def _agreed(context: Context, wish: Wish, preview: Run, question: str) -> bool:
    """Ask about a new stack; where the answer is no, or none, discard it."""
    is_agreed = False
    try:
        is_agreed = asking.agreed(question)
    finally:
        if not is_agreed:
            discard(context, preview, wish.timeout)
    return is_agreed


def discard(context: Context, preview: Run, timeout: int | None) -> None:
    """Remove a stack that is there only for its preview.

    Raises Ended when that does not succeed.
    """
    name = preview.stack
    stack = context.client.stack(name)
    if stack.state != 'creating' or stack.last_run != preview.id:
        raise Ended(codes.CONFLICT, f'{name} was made by somebody else meanwhile: it stays.')
    begun = watching.begun(
        name, lambda: context.client.destroy(name, queue=True, version=stack.version)
    )
    run = watching.ended(context, begun, timeout)
    if not run.has_succeeded:
        told = f'{words.end_of(run)}\nTo discard the stack: infra destroy {name}'
        raise Ended(codes.RUN_FAILED, told)


def _created(context: Context, wish: Wish, *, preview: bool) -> Run:
    return watching.begun(
        wish.name,
        lambda: context.client.create(
            wish.program,
            wish.name,
            wish.inputs,
            ttl=wish.ttl,
            description=wish.description or '',
            preview=preview,
            key=wish.key_of('preview-new' if preview else 'new'),
        ),
    )


def _updated(context: Context, wish: Wish, preview: Run | None = None) -> Run:
    """Begin an update, by a preview or, without one, by the inputs."""
    client, key = context.client, wish.key_of('update')
    if preview is not None:
        return watching.begun(
            wish.name, lambda: client.update(wish.name, preview=preview.id, key=key)
        )
    return watching.begun(
        wish.name, lambda: client.update(wish.name, wish.inputs, queue=wish.queue, key=key)
    )


def _changed(context: Context, wish: Wish) -> Run:
    """Update a stack that is there; return the last run of it."""
    if wish.wait:
        begun = watching.begun(
            wish.name,
            lambda: context.client.preview(
                wish.name, wish.inputs, queue=wish.queue, key=wish.key_of('preview')
            ),
        )
        preview = watching.ended(context, begun, wish.timeout)
        watching.succeeded(context, preview)
        # Whoever is asked must know what about.
        if not (wish.yes and context.is_silent):
            plan.tell(context, preview)
        if not wish.yes and not asking.agreed(f'Update {wish.name}?'):
            raise Ended(codes.OTHER, 'Nothing was changed.')
        _note(context, wish)
        run = _updated(context, wish, preview)
    else:
        _note(context, wish)
        run = _updated(context, wish)
    return _ended(context, wish, run)


def _note(context: Context, wish: Wish) -> None:
    """Have a stack last and be described as was asked for.

    Before its update, which is not to be half of what was asked for where this is refused.
    """
    if wish.ttl is not None:
        context.client.set_time(wish.name, wish.ttl)
    if wish.description is not None:
        context.client.describe(wish.name, wish.description)


def _ended(context: Context, wish: Wish, run: Run) -> Run:
    if not wish.wait:
        return run
    return watching.succeeded(context, watching.ended(context, run, wish.timeout))


def _give(context: Context, wish: Wish, run: Run) -> None:
    if context.as_json:
        context.put_json(run.json)
    elif context.quiet or not wish.wait:
        context.put(run.id)
    else:
        context.say(words.end_of(run))
        # Meanwhile somebody may have destroyed it.
        stack = find(context, wish.name)
        outputs = stack.outputs if stack else {}
        context.put_pairs([(name, text.shown(value)) for name, value in outputs.items()])


COMMANDS = (up,)
