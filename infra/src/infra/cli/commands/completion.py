"""`infra completion`: what a shell needs to complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

VARIABLE = '_INFRA_COMPLETE'


@click.command()
@click.argument('shell', type=click.Choice(['bash', 'zsh', 'fish']))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script that has a shell complete the commands of infra.

    \b
    bash: eval "$(infra completion bash)"       in ~/.bashrc
    zsh:  eval "$(infra completion zsh)"        in ~/.zshrc
    fish: infra completion fish | source        in ~/.config/fish/config.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None  # All shells of the choice are click's own.
    click.echo(kind(ctx.find_root().command, {}, 'infra', VARIABLE).source())


COMMANDS = (completion,)
