"""Values are written as PostgreSQL prints them, or refused with a reason."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from migrations import forms

NULL = forms.NULL


@pytest.mark.parametrize(
    ('form', 'values', 'texts'),
    [
        ('verbatim', ['12', None], ['12', NULL]),
        ('integer', [-(2**63), None], ['-9223372036854775808', NULL]),
        ('boolean', [0, 1, '0', '1', None], ['f', 't', 'f', 't', NULL]),
        ('text', ['a\tb\\', '', None, '\\N'], ['a\\tb\\\\', '', NULL, '\\\\N']),
        ('text', ['\b\n\v\f\r'], ['\\b\\n\\v\\f\\r']),
        ('any text', [1, 2.5, 'x'], ['1', '2.5', 'x']),
        ('bytes', [b'\x00\xff', b''], ['\\\\x00ff', '\\\\x']),
        ('any bytes', ['é', 1, None], ['\\\\xc3a9', '\\\\x31', NULL]),
        ('numeric', [1e-7, '1.50', 3], ['0.0000001', '1.50', '3']),
        ('numeric:2', [1.5, '1.5', 3, -0.0, '-0'], ['1.50', '1.50', '3.00', '0.00', '0.00']),
        ('date', ['2024-02-29'], ['2024-02-29']),
        ('timestamp', ['2024-01-02T03:04:05.1200'], ['2024-01-02 03:04:05.12']),
        ('timestamp', ['2024-01-02 03:04'], ['2024-01-02 03:04:00']),
        ('zoned', ['2024-01-02 03:04:05.100000+00:00'], ['2024-01-02 03:04:05.1+00']),
        ('zoned', ['2024-01-02 03:04:05.000000+00:00'], ['2024-01-02 03:04:05+00']),
        ('zoned', ['2024-01-01 00:30:00.5+02:00'], ['2023-12-31 22:30:00.5+00']),
        ('zoned', ['2024-01-01T00:30:00-0230'], ['2024-01-01 03:00:00+00']),
        ('zoned', ['2024-01-01 00:30:00.12345Z'], ['2024-01-01 00:30:00.12345+00']),
        ('time', ['23:59', '01:02:03.500'], ['23:59:00', '01:02:03.5']),
        ('interval', ['-838:59:59.50', '-00:00:00'], ['-838:59:59.5', '00:00:00']),
        ('bits:9', [b'\x01\x01'], ['100000001']),
    ],
)
def test_texts(form: str, values: list[Any], texts: list[str]) -> None:
    """A column of values becomes the texts that COPY takes and gives."""
    assert forms.of(form).sent(values) == texts


@pytest.mark.parametrize(
    ('form', 'value'),
    [
        ('integer', 1.0),
        ('integer', True),
        ('boolean', 2),
        ('boolean', 'true'),
        ('text', 'a\0b'),
        ('text', b'x'),
        ('text', '\udcff'),
        ('real', 2**53 + 1),
        ('single', '0.1'),
        ('numeric', 'x'),
        ('numeric', float('inf')),
        ('numeric:2', 1.555),
        ('numeric:2', '1.5550'),
        ('numeric:2', 0.1 + 0.2),
        ('date', '2024-02-30'),
        ('date', '0000-00-00'),
        ('date', '2024-2-3'),
        ('timestamp', '2024-01-02 03:04:05Z'),
        ('timestamp', '2024-01-02 03:04:05.12345Z'),
        ('timestamp', '2024-01-02 25:00'),
        ('zoned', '0001-01-01 00:00:00+02:00'),
        ('time', '25:00'),
        ('uuid', 'x'),
        ('interval', '1 day'),
        ('bytes', 'x'),
    ],
)
def test_misfits(form: str, value: Any) -> None:
    """A value that is none of the type has a reason, and is not repaired."""
    assert forms.reason(forms.of(form), value)


@pytest.mark.parametrize('value', [0.1, 1e23, 5e-324, -1.7976931348623157e308, float('inf')])
def test_bits(value: float) -> None:
    """Of floats the bits are compared, as no two databases print them alike."""
    assert forms.of('real').compared([value, None]) == [struct.pack('>d', value).hex(), NULL]


def test_zeros_are_one_value() -> None:
    """A negative zero counts as the positive one, as some sources print both alike."""
    assert forms.of('real').compared([-0.0]) == forms.of('real').compared(['0'])
