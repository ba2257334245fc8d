"""Why an operation failed, in words for people who do not know Pulumi."""

from __future__ import annotations

import pytest

from basic_pulumi import BusyError, DeadlineError, EngineUnavailableError, ProgramFailedError
from stacks.operation import failures
from stacks.operation.failures import BUSY, LATE, MEANINGS, UNAVAILABLE
from stacks.operation.log_text import LogText
from stacks.operation.progress import Failure
from tests.events import STACK, urn

CLEAN = LogText(['planted'])
TRACE = 'error: Program failed with an unhandled exception:\nTraceback\n  line\nKeyError: size'
EXITED = 'an unhandled error occurred: program exited with non-zero exit code: {}'
# For each row of the table: what Pulumi says, and what people read.
SAID = [
    ("Stack 'dev' is missing configuration value 'token:size'", 'The inputs do not fit'),
    (
        "Missing required configuration variable 'token:size'\n please set a value",
        'The program asks for the input size, which its Pulumi.yaml does not declare.',
    ),
    ("no resource plugin 'pulumi-resource-aws' found", 'A plugin that the program needs'),
    ('error: incorrect passphrase', 'The service cannot read its state'),
    (EXITED.format(3), 'The program ended before its time, with the exit code 3.'),
    (EXITED.format(-1), 'The program was killed before its end'),
    (TRACE, 'The program has a defect: KeyError: size'),
]


def describe(text: str, *found: Failure, error: type[Exception] = ProgramFailedError) -> str:
    return str(failures.describe(error(text), list(found), CLEAN)['message'])


@pytest.mark.parametrize(('text', 'words'), SAID)
def test_table(text: str, words: str) -> None:
    """What Pulumi says is told in our words, by an event and by an error alike."""
    assert describe(f'code: 255\nstdout: \nstderr: {text}\n').startswith(words)
    assert describe('', Failure(STACK, text)).startswith(words)


def test_whole_table() -> None:
    """Each row of the table is the first that fits something that Pulumi says."""
    first = [next(row for row, (p, _) in enumerate(MEANINGS) if p.search(text)) for text, _ in SAID]
    assert first == list(range(len(MEANINGS)))


@pytest.mark.parametrize(
    'text',
    [
        'must be of type integer',
        'must be encrypted',
        'failed to load language plugin python',
        'no language plugin',
        'unable to open state database',
        "Missing required configuration variable 'size'",
        'ModuleNotFoundError: no module',
        'SyntaxError: invalid',
    ],
)
def test_other_words(text: str) -> None:
    """The other words that Pulumi has for the same are known as well."""
    assert describe(text) != text


@pytest.mark.parametrize(
    ('error', 'words'),
    [(BusyError, BUSY), (DeadlineError, LATE), (EngineUnavailableError, UNAVAILABLE)],
)
def test_kinds(error: type[Exception], words: str) -> None:
    """What is no failure of the program is told by its kind."""
    assert describe('something else', error=error) == words


def test_kinds_before_resources() -> None:
    """A run that took too long failed for that, whatever it failed with at that moment."""
    assert describe('x', Failure(urn('a'), 'cancelled'), error=DeadlineError) == LATE


def test_resource() -> None:
    """A resource that failed is named, before what the stack says of it."""
    found = [Failure(STACK, TRACE), Failure(urn('a'), 'error: no\n\n  Error: no such thing\n')]
    told = failures.describe(ProgramFailedError('x'), found, CLEAN)
    assert told == {
        'message': 'a failed: no such thing',
        'resource': 'a',
        'detail': 'error: no\n\n  Error: no such thing\n'.rstrip('\n'),
    }


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        (
            'resource "u::a" cannot be deleted\nbecause it is protected. To unprotect it, '
            "use the command:\n`pulumi state unprotect 'u::a'`",
            'a cannot be removed, as the program protected it.',
        ),
        (
            'unable to replace resource "u::a"\nas it is currently marked for protection. To '
            'unprotect the resource, remove the `protect` flag',
            'a cannot be replaced, as the program protects it.',
        ),
        (
            'unable to replace resource "u::a" as part of replacing "u::b" as it is currently '
            'marked for protection. To unprotect the resource, remove the `protect` flag',
            'a cannot be replaced, as the program protects it.',
        ),
    ],
)
def test_protected(text: str, words: str) -> None:
    """A resource that is protected is named, with what to do, and without Pulumi's commands."""
    told = failures.describe(ProgramFailedError('x'), [Failure(urn('a'), text)], CLEAN)
    assert told['resource'] == 'a'
    assert told['message'].startswith(words)


@pytest.mark.parametrize('echo', ['update failed', EXITED.format(1)])
def test_echoes(echo: str) -> None:
    """What Pulumi says beside an error is no error, unless there is no other."""
    beside, real = Failure('', echo), Failure(STACK, 'no such thing')
    assert describe('x', beside, real) == describe('x', real, beside) == 'no such thing'
    assert describe('code: 255\nstderr: error: no such thing', beside) == 'no such thing'
    assert describe('code: 255\nstderr: ', beside) == describe(echo)


def test_secrets() -> None:
    """No part of it has a secret in it."""
    told = failures.describe(ProgramFailedError('x'), [Failure(urn('planted'), 'planted')], CLEAN)
    assert 'planted' not in str(told['message']) + str(told['detail'])


@pytest.mark.parametrize('text', ['', ' \n', 'code: 255\nstderr: \n'])
def test_no_words(text: str) -> None:
    """What failed without a word is told as such."""
    assert describe(text) == 'It failed without a word.'


def test_endless_detail() -> None:
    """What is kept of a failure is bounded."""
    told = failures.describe(ProgramFailedError('x\n' * 100_000), [], CLEAN)
    assert len(told['detail']) == failures.LONGEST
