"""Why an operation failed, in words for people who do not know Pulumi."""

from __future__ import annotations

import re
from typing import Any

from basic_pulumi import BusyError, DeadlineError, EngineUnavailableError
from stacks.operation.log_text import LogText
from stacks.operation.marks import name_of
from stacks.operation.progress import STACK_TYPE, Failure

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
        re.compile(r'exited with non-zero exit code: (?P<code>\d+)'),
        'The program ended before its time, with the exit code {code}. Its log may say why.',
    ),
    (
        # By a signal, in Go's words.
        re.compile(r'exited with non-zero exit code: -1'),
        'The program was killed before its end, as the system does when memory runs out.',
    ),
    (
        re.compile(r'ModuleNotFoundError|SyntaxError|unhandled exception|Traceback'),
        'The program has a defect: {last}',
    ),
)
# The same of one resource.
OF_RESOURCES = (
    (
        re.compile(r'cannot be deleted\s+because it is protected'),
        '{resource} cannot be removed, as the program protected it. Have the program keep it '
        'without protection, and update, before it is left out.',
    ),
    (
        re.compile(r'unable to replace resource[^`]*marked for protection'),
        '{resource} cannot be replaced, as the program protects it. Have the program not protect '
        'it, and update.',
    ),
)
# What Pulumi says beside the error that it is about; where it says nothing else, this is the error.
ECHOES = ('update failed', 'preview failed', 'update canceled', 'an unhandled error occurred')
BUSY = 'Somebody works on this stack beside this service, or did and left it locked.'
LATE = 'The run took longer than a run may (OPERATION_TIMEOUT).'
UNAVAILABLE = 'Pulumi is missing here or not set up rightly. Tell the operator.'
# With the names of a program's own errors, which say nothing to others.
PREFIX = re.compile(r'^((error|Error|Exception|(\w+\.)+\w*(Error|Exception)): )+')
LONGEST = 2000


def describe(error: Exception, found: list[Failure], clean: LogText) -> dict[str, Any]:
    """Return what is stored of a failure: `message`, `resource` and `detail`.

    error: what ended the operation. found: what its events told, in their order.
    clean: takes secrets out.
    """
    said = [each for each in found if not each.message.startswith(ECHOES)]
    first = next((each for each in said if not _is_stack(each)), None) or next(iter(said), None)
    detail = first.message if first else _told(error) or _echo(found)
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
        return _of_resource(resource, detail)
    for pattern, words in MEANINGS:
        if match := pattern.search(detail):
            return words.format(last=_last_line(detail), **match.groupdict())
    if isinstance(error, EngineUnavailableError):
        return UNAVAILABLE
    return _last_line(detail)


def _of_resource(resource: str, detail: str) -> str:
    for pattern, words in OF_RESOURCES:
        if pattern.search(detail):
            return words.format(resource=resource)
    return f'{resource} failed: {_last_line(detail)}'


def _echo(found: list[Failure]) -> str:
    return found[0].message if found else ''


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
