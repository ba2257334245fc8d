"""How long a stack lasts, and what may be changed of it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

import durations
from settings import Settings
from stacks import editing, lifetime, moments
from stacks.errors import InvalidError

FREE = Settings()
LIMITED = Settings(max_ttl='2h')


def lasts(settings: Settings, ttl: str | None) -> timedelta | None:
    """Return how long a new stack lasts, to the second."""
    found = lifetime.of_new_stack(settings, ttl)
    return None if found is None else round_to_second(found - moments.now())


def round_to_second(given: timedelta) -> timedelta:
    return timedelta(seconds=round(given.total_seconds()))


@pytest.mark.parametrize(
    ('text', 'seconds'),
    [
        ('1s', 1),
        ('90m', 5400),
        ('8h', 28800),
        ('3d', 259200),
        ('PT90M', 5400),
        ('PT8H', 28800),
        ('P3D', 259200),
        ('P1DT2H3M', 93780),
        ('36500d', 36500 * 86400),
    ],
)
def test_durations(text: str, seconds: int) -> None:
    """A time is a number with its unit, or what ISO 8601 has for it."""
    assert durations.parse(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    'text',
    [
        *('', '0s', '8', 'h', '-1h', '1.5h', ' 8h', '8h\n', '8H', '1w', 'P', 'PT', 'P0D', 'PT8'),
        *('36501d', '99999999d', '999999999h', 'P999999D', 'one', '8٣h', 'PT٣H'),
    ],
)
def test_no_durations(text: str) -> None:
    """Anything else is none, nor is nothing or more than a century."""
    with pytest.raises(ValueError, match='must be a time as 90m, 8h, 3d or PT8H'):
        durations.parse(text)


@pytest.mark.parametrize(
    ('settings', 'ttl', 'expected'),
    [
        (FREE, None, None),
        (FREE, '8h', timedelta(hours=8)),
        (Settings(default_ttl='1h'), None, timedelta(hours=1)),
        (Settings(default_ttl='1h'), '8h', timedelta(hours=8)),
        (LIMITED, None, timedelta(hours=2)),
        (LIMITED, '2h', timedelta(hours=2)),
        (Settings(default_ttl='1h', max_ttl='2h'), None, timedelta(hours=1)),
    ],
)
def test_new_stack(settings: Settings, ttl: str | None, expected: timedelta | None) -> None:
    """A stack lasts as long as is asked for, else as the settings have it, else for ever."""
    assert lasts(settings, ttl) == expected


@pytest.mark.parametrize(
    ('ttl', 'words'), [('3h', 'at most 2h from now'), ('', 'a time as'), ('x', 'a time as')]
)
def test_refused_ttl(ttl: str, words: str) -> None:
    """What is no time, or too long, is refused; so is an empty text, which is not for ever."""
    with pytest.raises(InvalidError, match=f'^/ttl must be {words}'):
        lifetime.of_new_stack(LIMITED, ttl)


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('2030-01-31T12:00:00Z', datetime(2030, 1, 31, 12)),
        ('2030-01-31T12:00:00z', datetime(2030, 1, 31, 12)),
        ('2030-01-31T12:00:00+02:00', datetime(2030, 1, 31, 10)),
        ('2030-01-31t12:00:00.5Z', datetime(2030, 1, 31, 12, microsecond=500_000)),
        ('2030-01-31T12:00:00.123456789-00:30', datetime(2030, 1, 31, 12, 30, 0, 123_456)),
    ],
)
def test_moments(text: str, expected: datetime) -> None:
    """A moment is stored in UTC, and has its zone again when it is shown."""
    assert moments.moment(text) == expected
    assert moments.aware(expected) == expected.replace(tzinfo=timezone.utc)


@pytest.mark.parametrize(
    'text',
    [
        *('', 'tomorrow', '0001-01-01T00:00:00+14:00', '2030-02-30T00:00:00Z'),
        *('2030-01-31', '2030-01-31T12:00:00', '2030-01-31T12:00Z', '20300131T120000Z'),
        *('2030-01-31 12:00:00Z', '2030-W05-4T12:00:00Z', '2030-01-31T24:00:00Z'),
        *('2030-01-31T12:00:00,5Z', '2030-01-31T12:00:00.Z', '2030-01-31T12:00:00ZZ'),
        *('2030-01-31T12:00:00+0200', '2030-01-31T12:00:00+02:00:30', '203٣-01-31T12:00:00Z'),
    ],
)
def test_no_moments(text: str) -> None:
    """What is no moment, tells no zone or is of no year that there is, is refused."""
    with pytest.raises(InvalidError, match='/expires_at must be a moment as'):
        lifetime.at(FREE, text)


@pytest.mark.parametrize('text', ['2020-01-31T12:00:00Z', '0001-01-01T00:00:00Z'])
def test_past(text: str) -> None:
    """A moment that is over is refused, as it would destroy the stack at once."""
    with pytest.raises(InvalidError, match='/expires_at must be in the future'):
        editing.columns(FREE, {'expires_at': text})


def test_too_late() -> None:
    """A moment beyond what stacks may last is refused, and so is for ever."""
    for changes in ({'expires_at': '2199-01-01T00:00:00Z'}, {'expires_at': None}):
        with pytest.raises(InvalidError, match='/expires_at must be at most 2h from now'):
            editing.columns(LIMITED, changes)


EXTENDED = {'expiry_failures': 0, 'expiry_retry_at': None}


@pytest.mark.parametrize(
    ('changes', 'expected'),
    [
        ({}, {}),
        ({'ttl': None}, {'expires_at': None, **EXTENDED}),
        ({'expires_at': None}, {'expires_at': None, **EXTENDED}),
        (
            {'expires_at': '2030-01-31T12:00:00Z'},
            {'expires_at': datetime(2030, 1, 31, 12), **EXTENDED},
        ),
        ({'owner': 'ben', 'description': 'x'}, {'owner': 'ben', 'description': 'x'}),
        ({'description': None, 'protected': None}, {'description': '', 'protected': False}),
        ({'protected': True}, {'protected': True}),
    ],
)
def test_changes(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    """Each field that is named changes; null takes it away."""
    assert editing.columns(FREE, changes) == expected


def test_longer_ttl() -> None:
    """A new lifetime counts from now on, and forgets what was tried in vain."""
    found = editing.columns(FREE, {'ttl': '8h'})
    assert round_to_second(found.pop('expires_at') - moments.now()) == timedelta(hours=8)
    assert found == EXTENDED


def test_all_flaws_of_a_change() -> None:
    """Everything that is wrong with a change is told at once, each at its place."""
    wrong = {
        'ttl': 8,
        'expires_at': 8,
        'owner': 'Anna',
        'description': 'x' * 1001,
        'protected': 'yes',
        'name': 'other',
    }
    with pytest.raises(InvalidError) as told:
        editing.columns(FREE, wrong)
    assert {flaw.pointer for flaw in told.value.flaws} == {f'/{name}' for name in wrong}


def test_place_of_a_flaw() -> None:
    """Where nothing lasts for ever, it is the field that was given that is wrong."""
    with pytest.raises(InvalidError, match='/ttl must be at most 2h from now'):
        editing.columns(LIMITED, {'ttl': None})
