"""What is kept of an operation's log and resources."""

from __future__ import annotations

from stacks.operation import course
from stacks.operation.course import LOG_HEAD, LOG_TAIL, MOST_DIFFERENCES, MOST_RESOURCES, Course
from tests.events import STACK, done, pre, told, urn

LINE = 'x' * 1023


def test_lines() -> None:
    """What has come is taken once, cleaned, without Pulumi's advice for its command line."""
    found = Course(0, ['planted'])
    for line in ('a planted', course.HINTS[0] + ' and configuration', '\x1b[1mb'):
        found.line(line)
    assert found.take_log() == 'a [secret]\nb\n'
    assert found.take_log() == ''
    assert found.take_log(is_last=True) == ''


def test_long_log() -> None:
    """Of a log that is too long the begin and the end are kept, and how much is left out."""
    found = Course(0)
    for number in range(3000):
        found.line(f'{number:04}{LINE[4:]}')
    head = found.take_log()
    assert len(head) == LOG_HEAD
    assert found.take_log() == ''
    lines = found.take_log(is_last=True).splitlines()
    left_out = 3000 - (LOG_HEAD + LOG_TAIL) // 1024
    assert lines[0] == f'… {left_out} lines are left out …'
    assert len(lines) == 1 + LOG_TAIL // 1024
    assert lines[-1].startswith('2999')
    assert int(lines[1][:4]) == LOG_HEAD // 1024 + left_out


def test_just_too_long() -> None:
    """Nothing is said of lines that are left out where none is."""
    found = Course(LOG_HEAD)
    found.line('the last')
    assert found.take_log() == ''
    assert found.take_log(is_last=True) == 'the last\n'


def test_bytes_count() -> None:
    """What is kept is measured in bytes, not in letters."""
    found = Course(LOG_HEAD - 4)
    found.line('€')
    assert found.take_log() == '€\n'
    again = Course(LOG_HEAD - 3)
    again.line('€')
    assert again.take_log() == ''


def test_short_lines_after_the_head() -> None:
    """A short line is not put before a longer one that did not fit any more."""
    found = Course(LOG_HEAD - 100)
    found.line(LINE)
    found.line('short')
    assert found.take_log() == ''
    assert found.take_log(is_last=True) == f'{LINE}\nshort\n'


def test_resources() -> None:
    """Resources are kept as JSON has them, without secrets, and only so many."""
    found = Course(0, ['planted'])
    inputs = {f'k{number}': 'planted' for number in range(MOST_DIFFERENCES + 9)}
    for number in range(MOST_RESOURCES + 9):
        found.event(pre('create', urn(f'planted-{number}'), new={'inputs': inputs}))
    kept = found.resources()
    assert len(kept) == MOST_RESOURCES
    assert len(kept[0]['differences']) == MOST_DIFFERENCES
    assert kept[0] == {
        'name': '[secret]-0',
        'type': 'random:index/randomString:RandomString',
        'operation': 'create',
        'state': 'running',
        'seconds': None,
        'differences': kept[0]['differences'],
    }
    assert kept[0]['differences'][0] == {
        **{'path': 'k0', 'old': None},
        **{'new': '[secret]', 'replaces': False},
    }
    assert found.changes() == {'create': MOST_RESOURCES + 9}


def test_outputs() -> None:
    """Outputs have no secret in them, and are none where it did not come to that."""
    found = Course(0, ['planted'])
    assert found.outputs() is None
    found.event(done('same', STACK, new={'outputs': {'url': 'http://planted/'}}))
    assert found.outputs() == {'url': 'http://[secret]/'}


def test_failures() -> None:
    """Messages of failures are kept as they are: who describes them takes secrets out."""
    found = Course(0, ['planted'])
    found.event(told('a planted', urn('a')))
    assert [each.message for each in found.progress.failures] == ['a planted']
