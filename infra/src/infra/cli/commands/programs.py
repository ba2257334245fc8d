"""`infra programs`, `infra program`: what stacks can be made of."""

from __future__ import annotations

import click

from infra.cli import options, schemas, text
from infra.cli.context import Context, pass_context
from infra.records import Program


@click.command()
@options.output
@pass_context
def programs(context: Context) -> None:
    """List the programs that stacks can be made of."""
    found = context.client.programs()
    context.put_list(
        found,
        lambda each: each.name,
        ('PROGRAM', 'CATEGORY', 'WHAT IT MAKES'),
        lambda each: (each.name, each.category, _about(each)),
        nothing='There are no programs yet, or none that your token may use.',
    )


@click.command()
@click.argument('name')
@options.output
@pass_context
def program(context: Context, name: str) -> None:
    """Show a program and the inputs it takes."""
    found = context.client.program(name)
    if context.as_json:
        context.put_json(found.json)
        return
    inputs = schemas.inputs(found.inputs)
    if context.quiet:
        for each in inputs:
            context.put(each.name)
        return
    context.put(f'{found.name}: {text.one_line(_about(found))}')
    context.put('')
    rows = [(each.name, each.kind, each.default, each.description) for each in inputs]
    context.put_table(('INPUT', 'TYPE', 'DEFAULT', 'WHAT IT IS'), rows)


def _about(program: Program) -> str:
    if program.available:
        return program.description or program.title
    return f'Not available: {program.reason}'


COMMANDS = (programs, program)
