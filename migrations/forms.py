"""Values of a source as PostgreSQL prints them, a column of a batch at a time.

What is sent is what `COPY … TO STDOUT` will give back, byte for byte. So one text serves for the
copy and for the check of it: rounding, cutting or shifting in the target shows. Floats are the
exception, as no two databases print them alike: of these the bits are compared.
"""

from __future__ import annotations

import datetime as dt
import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

Values = Sequence[Any]
Texts = list[str]
NULL = '\\N'
# What COPY's text form escapes; the backslash first.
ESCAPES = (
    *(('\\', '\\\\'), ('\b', '\\b'), ('\t', '\\t'), ('\n', '\\n')),
    *(('\v', '\\v'), ('\f', '\\f'), ('\r', '\\r')),
)
NONE = type(None)
UTC = dt.timezone.utc
DATE = re.compile(r'\d{4}-\d\d-\d\d')
TIMESTAMP = re.compile(
    r'(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d)(:\d\d)?(?:\.(\d{1,6})0*)?(Z|[+-]\d\d:?\d\d|[+-]\d\d)?'
)
TIME = re.compile(r'(\d\d:\d\d)(:\d\d)?(?:\.(\d{1,6})0*)?')
# Of MySQL: hours go to 838.
INTERVAL = re.compile(r'(-?\d{2,3}:\d\d:\d\d)(?:\.(\d{1,6}))?')
UUID = re.compile(r'[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}')
# `2026-01-02 03:04:05.123456` and the same without a fraction: characters, and what is not a digit.
SECONDS, WHOLE = 19, 26
MARKS = ((4, '-'), (7, '-'), (10, ' '), (13, ':'), (16, ':'))
ANY_MOMENT = '2000-01-01 00:00:00.000000'


@dataclass(frozen=True)
class Form:
    """How values are written, and what is compared where that is something else.

    sent: raises ValueError when a value does not fit, which says nothing of which one.
    bits: the form's code for `struct`, when the bits are compared.
    """

    sent: Callable[[Values], Texts]
    bits: str = ''

    def compared(self, values: Values) -> Texts:
        """Return the bits of floats in hexadecimal."""
        size = struct.calcsize(f'>{self.bits}') * 2
        # Positive and negative zero are one value to some sources.
        plain = [0.0 if each is None else float(each) + 0.0 for each in values]
        text = struct.pack(f'>{len(plain)}{self.bits}', *plain).hex()
        return _with_nulls(values, [text[at : at + size] for at in range(0, len(text), size)])


def of(name: str) -> Form:
    """Return the form of a name like `text` or `numeric:4`."""
    kind, _, number = name.partition(':')
    if number:
        return Form(SIZED[kind](int(number)))
    return Form(PLAIN[kind], BITS.get(kind, ''))


def _insist(values: Values, *allowed: type) -> None:
    if not set(map(type, values)) <= {NONE, *allowed}:
        raise ValueError(f'not {" or ".join(each.__name__ for each in allowed)}')


def _each(values: Values, write: Callable[[Any], str]) -> Texts:
    return [NULL if value is None else write(value) for value in values]


def verbatim(values: Values) -> Texts:
    """Text that the source gives as PostgreSQL would, with nothing to escape."""
    _insist(values, str)
    return [NULL if value is None else value for value in values]


def integer(values: Values) -> Texts:
    _insist(values, int)
    return [NULL if value is None else str(value) for value in values]


def boolean(values: Values) -> Texts:
    _insist(values, int, str)
    words = {0: 'f', 1: 't', '0': 'f', '1': 't', None: NULL}
    try:
        return [words[value] for value in values]
    except KeyError:
        raise ValueError('neither 0 nor 1') from None


def text(values: Values) -> Texts:
    """Escape all in one string, in which NUL is between the values."""
    _insist(values, str)
    joined = '\0'.join(['' if value is None else value for value in values])
    for plain, escaped in ESCAPES:
        if plain in joined:
            joined = joined.replace(plain, escaped)
    parts = joined.split('\0')
    if len(parts) != len(values):
        raise ValueError('PostgreSQL has no text with a NUL in it')
    return _with_nulls(values, parts)


def any_text(values: Values) -> Texts:
    """Text of a column in which SQLite has numbers as well."""
    _insist(values, str, int, float)
    return text([value if value is None else str(value) for value in values])


def raw(values: Values) -> Texts:
    _insist(values, bytes)
    return [NULL if value is None else '\\\\x' + value.hex() for value in values]


def any_raw(values: Values) -> Texts:
    """Bytes of a column in which SQLite has text and numbers as well."""
    _insist(values, bytes, str, int, float)
    return raw([each if isinstance(each, bytes | NONE) else str(each).encode() for each in values])


def real(values: Values) -> Texts:
    _insist(values, float, int, str)
    if any(isinstance(each, int) and int(float(each)) != each for each in values):
        raise ValueError('no double precision number is equal to it')
    return _each(values, str)


def single(values: Values) -> Texts:
    """Numbers of four bytes, which the source gives as the double precision ones equal to them."""
    _insist(values, float, str)
    plain = [0.0 if each is None else float(each) for each in values]
    if list(struct.unpack(f'>{len(plain)}f', struct.pack(f'>{len(plain)}f', *plain))) != plain:
        raise ValueError('no number of four bytes is equal to it')
    return _each(values, str)


def numeric(values: Values) -> Texts:
    """Numbers of whatever scale, without an exponent."""
    _insist(values, int, float, str)
    return _each(values, lambda value: format(_decimal(value), 'f'))


def scaled(scale: int) -> Callable[[Values], Texts]:
    """Return the form of numbers that have so many places after the point, and are not rounded."""

    def write(value: Any) -> str:
        if isinstance(value, float):
            found = f'{value:.{scale}f}'
            if float(found) != value:
                raise ValueError(f'it has more than {scale} places')
            return found if value else found.removeprefix('-')
        exact = _decimal(value)
        rounded = round(exact, scale) if exact.as_tuple().exponent != -scale else exact
        if rounded != exact:
            raise ValueError(f'it has more than {scale} places')
        return format(rounded if rounded else abs(rounded), f'.{scale}f')

    def sent(values: Values) -> Texts:
        _insist(values, int, float, str)
        if set(map(type, values)) <= {NONE, float}:
            # As `write` does, for a whole column at a time.
            plain = [0.0 if value is None else value or 0.0 for value in values]
            texts = (f'%.{scale}f\n' * len(plain) % tuple(plain)).split('\n')[:-1]
            if list(map(float, texts)) != plain:
                raise ValueError(f'it has more than {scale} places')
            return _with_nulls(values, texts)
        return _each(values, write)

    return sent


def _with_nulls(values: Values, texts: Texts) -> Texts:
    if None not in values:
        return texts
    return [NULL if value is None else text for value, text in zip(values, texts, strict=True)]


def _decimal(value: Any) -> Decimal:
    try:
        found = Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation:
        raise ValueError('not a number') from None
    if not found.is_finite():
        raise ValueError('not a finite number')
    return found


def date(values: Values) -> Texts:
    def write(value: str) -> str:
        if not DATE.fullmatch(value):
            raise ValueError('not a date YYYY-MM-DD')
        return dt.date.fromisoformat(value).isoformat()

    _insist(values, str)
    return _each(values, write)


def timestamp(values: Values) -> Texts:
    def write(value: str) -> str:
        day, time, zone = _moment(value)
        if zone:
            raise ValueError('it has a time zone')
        return f'{day} {time}'

    _insist(values, str)
    return _alike(values, '', '') or _each(values, write)


def zoned(values: Values) -> Texts:
    """Moments; without a zone they are of UTC, as MySQL's are in a session of UTC."""

    def write(value: str) -> str:
        day, time, zone = _moment(value)
        return _in_utc(day, time, zone) if zone not in ('', 'Z') else f'{day} {time}+00'

    _insist(values, str)
    return _alike(values, '+00:00', '+00') or _alike(values, '', '+00') or _each(values, write)


def _alike(values: Values, zone: str, ending: str) -> Texts:
    """Return moments that are all written alike, a column at a time; none when they are not.

    zone, ending: what they end with, and what they are to end with.
    """
    longest = max((len(value) for value in values if value is not None), default=0)
    size = longest - len(zone)
    if size not in {SECONDS, WHOLE}:
        return []
    missing = ANY_MOMENT[:size] + zone
    plain = [missing if value is None else value for value in values]
    joined = ''.join(plain)
    marks = [*MARKS, *enumerate(zone, size)] + ([(SECONDS, '.')] if size == WHOLE else [])
    if set(map(len, plain)) != {longest} or any(
        joined[at::longest] != mark * len(plain) for at, mark in marks
    ):
        return []
    # It takes other things than digits only where there may be a zone.
    fractions = ''.join(joined[at::longest] for at in range(SECONDS + 1, size))
    if not (fractions or '0').isdigit():
        return []
    for _ in map(dt.datetime.fromisoformat, plain):
        pass
    if size == SECONDS:
        texts = [value[:size] + ending for value in plain]
    else:
        texts = [
            (value[:size] if value[size - 1] != '0' else value[:size].rstrip('0').rstrip('.'))
            + ending
            for value in plain
        ]
    return _with_nulls(values, texts)


def _in_utc(day: str, time: str, zone: str) -> str:
    hours, minutes = int(zone[1:3]), int(zone[-2:] if len(zone) > 3 else 0)
    ahead = dt.timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == '-' else 1)
    whole, _, fraction = time.partition('.')
    try:
        moved = dt.datetime.fromisoformat(f'{day} {whole}') - ahead
    except OverflowError:
        raise ValueError('its year in UTC is none from 1 to 9999') from None
    return f'{moved}' + (f'.{fraction}' if fraction else '') + '+00'


def _moment(value: str) -> tuple[str, str, str]:
    found = TIMESTAMP.fullmatch(value)
    if not found:
        raise ValueError('not a time YYYY-MM-DD HH:MM:SS')
    day, minutes, seconds, fraction, zone = found.groups()
    dt.datetime.fromisoformat(f'{day} {minutes}{seconds or ":00"}')
    return day, minutes + (seconds or ':00') + _fraction(fraction), zone or ''


def _fraction(digits: str | None) -> str:
    kept = (digits or '').rstrip('0')
    return f'.{kept}' if kept else ''


def time_of_day(values: Values) -> Texts:
    def write(value: str) -> str:
        found = TIME.fullmatch(value)
        if not found:
            raise ValueError('not a time HH:MM:SS')
        dt.time.fromisoformat(found[1] + (found[2] or ':00'))
        return found[1] + (found[2] or ':00') + _fraction(found[3])

    _insist(values, str)
    return _each(values, write)


def interval(values: Values) -> Texts:
    def write(value: str) -> str:
        found = INTERVAL.fullmatch(value)
        if not found:
            raise ValueError('not a time HH:MM:SS')
        kept = found[1] + _fraction(found[2])
        return kept.removeprefix('-') if not re.search('[1-9]', kept) else kept

    _insist(values, str)
    return _each(values, write)


def uuid(values: Values) -> Texts:
    def write(value: str) -> str:
        if not UUID.fullmatch(value):
            raise ValueError('not a UUID')
        return value.lower()

    _insist(values, str)
    return _each(values, write)


def bits(size: int) -> Callable[[Values], Texts]:
    """Return the form of so many bits, which the source gives as bytes."""

    def sent(values: Values) -> Texts:
        _insist(values, bytes)
        return _each(values, lambda value: format(int.from_bytes(value, 'big'), f'0{size}b'))

    return sent


def reason(form: Form, value: Any) -> str:
    """Return why a value does not fit; empty when it does."""
    try:
        form.sent([value])[0].encode()
        if form.bits:
            form.compared([value])
    except UnicodeEncodeError:
        return 'its text is not valid UTF-8'
    except (ValueError, OverflowError) as error:
        return str(error)
    return ''


PLAIN: dict[str, Callable[[Values], Texts]] = {
    'verbatim': verbatim,
    'integer': integer,
    'boolean': boolean,
    'text': text,
    'any text': any_text,
    'bytes': raw,
    'any bytes': any_raw,
    'real': real,
    'single': single,
    'numeric': numeric,
    'date': date,
    'timestamp': timestamp,
    'zoned': zoned,
    'time': time_of_day,
    'interval': interval,
    'uuid': uuid,
}
SIZED = {'numeric': scaled, 'bits': bits}
BITS = {'real': 'd', 'single': 'f'}
