"""How errors are told, and with which exit code they end."""

from __future__ import annotations

import json
from typing import Any

import click

from infra.cli import codes, text
from infra.errors import (
    AccessError,
    ConflictError,
    InfraError,
    InvalidError,
    NotFoundError,
    ProblemError,
    SettingsError,
    WaitTimeoutError,
)

CODES: dict[type[InfraError], int] = {
    SettingsError: codes.USAGE,
    InvalidError: codes.USAGE,
    AccessError: codes.TOKEN,
    NotFoundError: codes.NOT_FOUND,
    ConflictError: codes.CONFLICT,
    WaitTimeoutError: codes.TIMED_OUT,
}
# What is to be done about a problem, where the service cannot know it.
HINTS = {
    'run-in-progress': 'To see it: infra logs -f {run}. To wait for it first, add --queue.',
    'protected': 'To take the protection away: infra unprotect NAME',
    'preview-outdated': 'Run the command again: it makes a new preview.',
    'changed': 'Somebody else has just changed it. Run the command again.',
}
NO_TOKEN = 'To store a token: infra login. Pipelines set INFRA_TOKEN.'


class Ended(Exception):  # noqa: N818 - it may be no error
    """A command has told what there is to tell, and ends with an exit code other than 0."""

    def __init__(self, exit_code: int, message: str = '') -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code


def code_of(error: InfraError) -> int:
    """Return the exit code of an error."""
    return CODES.get(type(error), codes.OTHER)


def tell(error: InfraError, as_json: bool) -> None:
    """Write to stderr what went wrong, as words or as a problem object."""
    if as_json:
        click.echo(json.dumps(problem_of(error)), err=True)
        return
    click.echo(text.printable(f'Error: {_words(error)}'), err=True)
    for words in _more(error):
        click.echo(text.printable(words), err=True)


def tell_words(title: str, message: str, as_json: bool) -> None:
    """Write to stderr why a command ends, where that is no error of the service."""
    words = json.dumps({'title': title, 'detail': message.strip()}) if as_json else message
    click.echo(text.printable(words), err=True)


def problem_of(error: InfraError) -> dict[str, Any]:
    """Return an error as a problem object (RFC 9457): the service's own, where it is one."""
    if isinstance(error, ProblemError):
        return error.problem
    more = {'run': f'/v1/runs/{error.run}'} if isinstance(error, WaitTimeoutError) else {}
    title = type(error).__name__.removesuffix('Error')
    return {'title': title, 'detail': str(error), **more}


def _words(error: InfraError) -> str:
    """Return what went wrong; of inputs, by the names that people gave them."""
    flaws = error.problem.get('errors') if isinstance(error, InvalidError) else None
    found = [
        f'{_name(each.get("pointer"))} {each.get("detail")}'.strip()
        for each in (flaws if isinstance(flaws, list) else [])
        if isinstance(each, dict)
    ]
    return '; '.join(found) or str(error)


def _name(pointer: object) -> str:
    return str(pointer).removeprefix('#/').removeprefix('inputs/')


def _more(error: InfraError) -> list[str]:
    if isinstance(error, AccessError) and error.status == 401:
        return [NO_TOKEN]
    if not isinstance(error, ProblemError):
        return []
    hint = HINTS.get(error.kind, '').format(run=error.run or 'RUN')
    request = error.problem.get('request_id') if error.status >= 500 else None
    told = f'Your operator finds more in the log of the service, at request {request}.'
    return [words for words in (hint, told if request else '') if words]
