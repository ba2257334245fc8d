"""`infra login`, `infra logout`, `infra status`: which service, with which token."""

from __future__ import annotations

import sys

import click

from infra import address, config_file, settings
from infra import oidc as pipeline
from infra.cli import asking, codes, failures, options
from infra.cli.context import Context, pass_context
from infra.cli.failures import Ended
from infra.client import Client
from infra.config_file import Config
from infra.errors import InfraError


@click.command()
@click.argument('url', required=False)
@click.option(
    '--oidc',
    metavar='github|env:NAME',
    help='In a pipeline: sign in by the token that GitHub gives it, or that is in a variable.',
)
@options.output
@pass_context
def login(context: Context, url: str | None, oidc: str | None) -> None:
    """Store the service's URL and your token, once the service has taken it.

    The token is asked for, or read from stdin. A pipeline gets one for some minutes.
    """
    file = config_file.path()
    config = config_file.read(file)
    url = address.checked_url(url or settings.read().url)
    if not context.insecure:
        # Before somebody types a token that cannot be used.
        address.insist_on_privacy(url)
    token = _asked_token(context, url) if oidc is None else _signed_in(context, url, oidc)
    Client(url, token, insecure=context.insecure, around=context.around).programs()
    stored = Config(url, token, () if token else config.token_command)
    config_file.write(file, stored)
    told = f'{url} is stored in {file}' + (', with the token.' if token else '; it wants no token.')
    _give(context, {'url': url, 'token': bool(token)}, url, told)


@click.command()
@options.output
@pass_context
def logout(context: Context) -> None:
    """Forget the stored token."""
    file = config_file.path()
    config = config_file.read(file)
    if config.token:
        config_file.write(file, Config(config.url, '', config.token_command))
    told = 'The token is forgotten.' if config.token else 'No token was stored.'
    _give(context, {'url': config.url, 'token': False}, config.url, told)


@click.command()
@options.output
@pass_context
def status(context: Context) -> None:
    """Tell which service is used, with which token, and whether it answers."""
    found = settings.read()
    error = _tried(context)
    state = 'it answers' if error is None else str(error)
    if context.as_json:
        context.put_json({'url': found.url, 'token': found.token_from or None, 'state': state})
    elif context.quiet:
        context.put(found.url)
    else:
        rows = [
            ('Service', f'{found.url} (from {found.url_from})'),
            ('Token', f'from {found.token_from}' if found.token_from else 'none'),
            ('State', state),
        ]
        context.put_pairs(rows)
    if error is not None:
        raise Ended(failures.code_of(error))


def _tried(context: Context) -> InfraError | None:
    try:
        context.client.programs()
    except InfraError as error:
        return error
    return None


def _asked_token(context: Context, url: str) -> str:
    if context.is_terminal:
        return asking.hidden(f'Token for {url} (empty: none): ').strip()
    if sys.stdin is None:
        raise Ended(codes.USAGE, 'Error: There is no token on stdin: it is closed.')
    return sys.stdin.buffer.readline().decode('ascii', 'replace').strip()


def _signed_in(context: Context, url: str, source: str) -> str:
    client = Client(url, insecure=context.insecure, around=context.around)
    return client.sign_in(pipeline.token(source, url))


def _give(context: Context, said: object, name: str, told: str) -> None:
    if context.as_json:
        context.put_json(said)
    elif context.quiet:
        context.put(name)
    else:
        context.put(told)


COMMANDS = (login, logout, status)
