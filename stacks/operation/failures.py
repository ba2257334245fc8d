"""Why an operation failed, in words for people who do not know Pulumi."""

from __future__ import annotations

import re
from typing import Any

from basic_pulumi import BusyError, DeadlineError, EngineUnavailableError
from stacks.operation.log_text import LogText
from stacks.operation.progress import STACK_TYPE, Failure, name_of

# What Pulumi's own words say (measured with 3.259), and what people can do. The first that fits.
MEANINGS = (
    (
        re.compile(r'missing configuration values?|must be of type|must be encrypted'),
        'The inputs do not fit the program any more: it has changed. Give them anew.',
    ),
    (
        re.compile(r"Missing required configuration variable '(?:[^:']+:)?(?P<what>[^']+)'"),
        'The program asks for the input {what}, which its Pulumi.yaml does not declare. '
        'Tell whoever keeps the program.',
    ),
    (
        re.compile(r'no resource plugin|failed to load language plugin|no language plugin'),
        'A plugin that the program needs is not installed here. Tell the operator.',
    ),
    (
        re.compile(r'incorrect passphrase|unable to open state'),
        'The service cannot read its state: passphrase or backend are not as they were. '
        'Tell the operator.',
    ),
    (
        re.compile(r'cannot be deleted\s+because it is protected'),
        'A resource is protected by the program, so it cannot be removed.',
    ),
    (
        re.compile(r'ModuleNotFoundError|SyntaxError|unhandled exception|Traceback'),
        'The program has a defect: {last}',
    ),
)
BUSY = 'Somebody works on this stack beside this service, or did and left it locked.'
LATE = 'The run took longer than a run may (OPERATION_TIMEOUT).'
UNAVAILABLE = 'Pulumi is missing here or not set up rightly. Tell the operator.'
PREFIX = re.compile(r'^(error: |Error: |Exception: )+')
LONGEST = 2000


def describe(error: Exception, found: list[Failure], clean: LogText) -> dict[str, Any]:
    """Return what is stored of a failure: `message`, `resource` and `detail`.

    error: what ended the operation. found: what its events told, in their order.
    clean: takes secrets out.
    """
    first = next((each for each in found if not _is_stack(each)), None) or next(iter(found), None)
    detail = first.message if first else _told(error)
    resource = name_of(first.urn) if first and not _is_stack(first) else None
    return {
        'message': clean.text(_message(error, detail, resource)),
        'resource': resource,
        'detail': clean.text(detail)[:LONGEST],
    }


def _message(error: Exception, detail: str, resource: str | None) -> str:
    for kind, words in ((BusyError, BUSY), (DeadlineError, LATE)):
        if isinstance(error, kind):
            return words
    if resource:
        return f'{resource} failed: {_last_line(detail)}'
    for pattern, words in MEANINGS:
        if match := pattern.search(detail):
            return words.format(last=_last_line(detail), **match.groupdict())
    if isinstance(error, EngineUnavailableError):
        return UNAVAILABLE
    return _last_line(detail)


def _told(error: Exception) -> str:
    """Return what a command's standard error says, without what surrounds it."""
    text = str(error)
    _, found, stderr = text.partition('stderr: ')
    return (stderr if found else text).strip()


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return PREFIX.sub('', lines[-1]) if lines else 'It failed without a word.'


def _is_stack(failure: Failure) -> bool:
    return not failure.urn or f'::{STACK_TYPE}::' in failure.urn
