"""`infra migrate` and what goes with it: tables moved from one database to another."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import click

from infra.cli import asking, codes, options, progress, text, times, watching
from infra.cli.context import Context, pass_context
from infra.cli.failures import Ended
from infra.errors import InfraError, WaitTimeoutError
from infra.records import Json, Migration, objects

SOURCE, TARGET = 'INFRA_SOURCE_URL', 'INFRA_TARGET_URL'
# Of a list in a plan that is shown.
MOST_SHOWN = 20
REJECT = ('table', 'key', 'column', 'value', 'reason')
STEPS = {
    'copy': 'copying',
    'again': 'reading again',
    'check': 'verifying',
    'build': 'keys and indexes',
    'link': 'foreign keys',
}


@click.command()
@click.argument('source', required=False)
@click.option('--source-file', metavar='FILE', help=f"The source's url, as {SOURCE} has it.")
@click.option('--to', 'stack', metavar='STACK', help='The stack that is the target.')
@click.option('--to-file', metavar='FILE', help=f"The target's url, as {TARGET} has it.")
@click.option('-t', '--table', 'tables', multiple=True, metavar='NAME', help='Only this; several.')
@click.option('--schema', metavar='NAME', help='Of the target; public if none is named.')
@click.option('--replace', is_flag=True, help='Move tables of these names to a backup schema.')
@click.option(
    '--allow-rejects',
    type=click.IntRange(min=0),
    default=0,
    metavar='N',
    help='How many rows that do not fit may be left out.',
)
@click.option('--plan-only', is_flag=True, help='Show the plan, and move nothing.')
@options.yes
@options.timeout
@options.output
@pass_context
def migrate(
    context: Context,
    *,
    source: str | None,
    source_file: str | None,
    stack: str | None,
    to_file: str | None,
    tables: Sequence[str],
    schema: str | None,
    replace: bool,
    allow_rejects: int,
    plan_only: bool,
    yes: bool,
    timeout: int | None,
) -> None:
    """Move tables from SOURCE into a PostgreSQL: show the plan, ask, do it.

    SOURCE is the url of a SQLite file of the service (sqlite:///folder/file.db), PostgreSQL,
    MariaDB or MySQL. One with a password comes from INFRA_SOURCE_URL or a file, as others could
    read it here; so does a target that is no stack, from INFRA_TARGET_URL or a file.
    """
    if not (yes or plan_only):
        asking.insist_on_terminal(context, 'give --yes to go ahead without a question.')
    source_url = _url(source, source_file, SOURCE, 'SOURCE')
    target_url = None if stack else _url(None, to_file, TARGET, '--to STACK')
    planned = _begun(
        lambda: context.client.migrate(
            source_url,
            stack=stack,
            url=target_url,
            tables=tables,
            schema=schema,
            replace=replace,
            allow_rejects=allow_rejects,
            plan=True,
        )
    )
    planned = _succeeded(context, _ended(context, planned, timeout))
    if plan_only:
        _give(context, planned, lambda: _put_plan(context, planned))
        _insist_on_fit(planned)
        return
    if not (yes and context.is_silent):
        _tell_plan(context, planned)
    _insist_on_fit(planned)
    if not yes and not asking.agreed(f'Move this into {planned.target}?'):
        raise Ended(
            codes.OTHER,
            f'Nothing was moved. To do it yet: infra resume {planned.id}. '
            f'To forget it: infra abandon {planned.id}',
        )
    begun = _begun(lambda: context.client.run_migration(planned.id))
    done = _succeeded(context, _ended(context, begun, timeout))
    _give(context, done, lambda: _tell_end(context, done))


@click.command()
@click.argument('migration')
@click.option(
    '--allow-rejects',
    type=click.IntRange(min=0),
    metavar='N',
    help='How many rows may be left out from now on.',
)
@options.waiting
@options.output
@pass_context
def resume(
    context: Context,
    migration: str,
    allow_rejects: int | None,
    no_wait: bool,
    timeout: int | None,
) -> None:
    """Go on with a migration: one that failed or was cancelled, or a plan that waits."""
    client = context.client
    found = client.migration(migration)
    if found.operation == 'plan' and found.has_succeeded and allow_rejects is None:
        begun = _begun(lambda: client.run_migration(migration))
    else:
        begun = _begun(lambda: client.resume_migration(migration, allow_rejects=allow_rejects))
    if no_wait:
        _give(context, begun, lambda: context.put(begun.run))
        return
    done = _succeeded(context, _ended(context, begun, timeout))
    _give(context, done, lambda: _tell_end(context, done))


@click.command()
@click.argument('migration')
@click.option('--forget', is_flag=True, help='Leave the target alone, with what may be in it.')
@options.yes
@options.timeout
@options.output
@pass_context
def abandon(context: Context, migration: str, forget: bool, yes: bool, timeout: int | None) -> None:
    """Remove what a migration that is not done has left in the target, and forget it."""
    if not yes:
        asking.insist_on_terminal(context, 'give --yes to abandon it without a question.')
        if not asking.agreed(f'Abandon {migration}? What it has copied so far is lost.'):
            raise Ended(codes.OTHER, 'Nothing was done.')
    begun = context.client.abandon_migration(migration, forget=forget)
    if begun is not None:
        run = context.client.run(begun.run)
        watching.succeeded(context, watching.ended(context, run, timeout))
    context.say(f'{migration} is gone.')


@click.command()
@options.output
@pass_context
def migrations(context: Context) -> None:
    """List your migrations, the newest first."""
    found = list(context.client.migrations())
    context.put_list(
        found,
        lambda each: each.id,
        ('MIGRATION', 'WHAT', 'STATE', 'SOURCE', 'TARGET', 'BEGUN'),
        lambda e: (e.id, e.operation, e.state, e.source, e.target, times.absolute(e.created_at)),
        nothing='There are no migrations. To begin one: infra migrate SOURCE --to STACK',
    )


@click.command()
@click.argument('migration')
@options.output
@pass_context
def rejects(context: Context, migration: str) -> None:
    """List all rows that a migration has left out, as they did not fit."""
    found = context.client.rejects(migration)
    if context.as_json:
        context.put_json(found)
    elif found:
        heads = [each.upper() for each in REJECT]
        context.put_table(heads, [tuple(_words(each).values()) for each in found])
    else:
        context.say(f'{migration} has left out no row.')


def _url(given: str | None, file: str | None, variable: str, name: str) -> str:
    """Return a url from where it was given.

    Raises UsageError, also for a password where others can read it.
    """
    if given is not None and file is not None:
        raise click.UsageError(f'{name} is given twice: as it is, and in a file.')
    if given is not None:
        if _has_password(given):
            raise click.UsageError(
                f'Others can read a password here: put the url into {variable} or a file.'
            )
        return given
    if file is not None:
        try:
            return Path(file).read_text(encoding='utf-8').strip()
        except (OSError, UnicodeDecodeError) as error:
            raise click.UsageError(f'{file} cannot be read: {error}') from None
    if url := os.environ.get(variable):
        return url
    raise click.UsageError(f'Give {name}, {variable} or a file with the url.')


def _has_password(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.password) or 'password' in parts.query.lower()
    except ValueError:
        # Whatever it is, what stands before an @ may be one.
        return '@' in url


def _begun(order: Callable[[], Migration]) -> Migration:
    try:
        return order()
    except KeyboardInterrupt:
        told = '\nInterrupted. Whether a migration was begun: infra migrations'
        raise Ended(codes.INTERRUPTED, told) from None


def _ended(context: Context, begun: Migration, timeout: int | None) -> Migration:
    """Return a migration when its run has ended, however it did; as watching.ended does."""
    shown = progress.choose(context.is_silent)
    context.lost = shown.lost

    def wait() -> Migration:
        try:
            return context.client.wait_for_migration(
                begun, timeout, lambda found: shown.note(*_progress(found))
            )
        except WaitTimeoutError:
            raise
        except InfraError:
            context.say(f'It is not known how the run has ended: infra wait {begun.run}')
            raise
        finally:
            shown.end()

    return watching.interruptible(context, begun.run, wait)


def _progress(found: Migration) -> tuple[str, str]:
    """Return the step that a migration is at, and that in words."""
    if found.state == 'queued':
        return 'queued', f'{found.id}: it waits for its turn'
    if found.operation != 'migrate' or found.progress is None:
        return 'plan', f'{found.id}: planning'
    now = found.progress
    left = '' if now.seconds_left is None else f', {now.seconds_left:.0f} s left'
    rows = f'{now.rows} of {now.total} rows, {now.rate:.0f} a second{left}'
    return now.step, f'{found.id}: {STEPS.get(now.step, now.step)}, {rows}'


def _succeeded(context: Context, found: Migration) -> Migration:
    """Return a migration whose run has succeeded.

    Raises Ended, which says what went wrong.
    """
    if found.has_succeeded:
        return found
    if context.as_json:
        context.put_json(found.json)
        raise Ended(codes.RUN_FAILED)
    how = 'has failed' if found.state == 'failed' else f'was {found.state}'
    why = f': {found.error.message}' if found.error else ''
    words = [f'The {found.operation} of {found.id} {how}{why}']
    words += map(_reject, found.rejects[:MOST_SHOWN])
    words.append(f'Its log: infra logs {found.run}')
    words.append(f'To go on: infra resume {found.id}. To remove it: infra abandon {found.id}')
    raise Ended(codes.RUN_FAILED, '\n'.join(words))


def _insist_on_fit(planned: Migration) -> None:
    """Raise Ended when the plan cannot be run."""
    if refusals := planned.refusals:
        raise Ended(
            codes.RUN_FAILED,
            'This cannot be carried over, see above: ' + '; '.join(refusals[:MOST_SHOWN]),
        )


def _put_plan(context: Context, planned: Migration) -> None:
    plan = planned.plan or {}
    context.put_table(('TABLE', 'COLUMN', 'IS', 'BECOMES'), _columns(plan))
    for line in _remarks(planned, plan):
        context.put(line)


def _tell_plan(context: Context, planned: Migration) -> None:
    plan = planned.plan or {}
    context.warn_table(('TABLE', 'COLUMN', 'IS', 'BECOMES'), _columns(plan))
    for line in _remarks(planned, plan):
        context.warn(line)


def _columns(plan: Json) -> list[tuple[str, ...]]:
    found = []
    for table in objects(plan, 'tables'):
        for column in objects(table, 'columns'):
            found.append(
                tuple(
                    str(each)
                    for each in (
                        *(table.get('name'), column.get('name')),
                        *(column.get('source_type'), column.get('target_type')),
                    )
                )
            )
    return found


def _remarks(planned: Migration, plan: Json) -> list[str]:
    lines = [f'{level}: {where}: {said}' for where, level, said in planned.notes]
    tables = objects(plan, 'tables')
    rows = sum(each['rows'] for each in tables if isinstance(each.get('rows'), int))
    seconds = plan.get('seconds')
    time = f', about {seconds:.0f} s' if isinstance(seconds, int | float) else ''
    lines.append(
        f'{planned.source} -> {planned.target}: {len(tables)} tables, about {rows} rows{time}.'
    )
    return [text.one_line(each) for each in lines]


def _tell_end(context: Context, done: Migration) -> None:
    context.say(f'{done.rows or 0} rows were moved to {done.target}, all verified.')
    if done.backup:
        context.say(f'What was replaced is in the schema {done.backup}.')
    for each in done.rejects[:MOST_SHOWN]:
        context.warn(_reject(each))
    if len(done.rejects) > MOST_SHOWN:
        context.warn(f'and more: infra rejects {done.id}')


def _reject(each: Json) -> str:
    return 'left out: {table} ({key}), {column} {value}: {reason}'.format(**_words(each))


def _words(reject: Json) -> dict[str, str]:
    return {name: text.one_line(str(reject.get(name))) for name in REJECT}


def _give(context: Context, found: Migration, tell: Callable[[], None]) -> None:
    if context.as_json:
        context.put_json(found.json)
    elif context.quiet:
        context.put(found.id)
    else:
        tell()


COMMANDS = (migrate, migrations, resume, abandon, rejects)
