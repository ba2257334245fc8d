"""What each type of each source becomes, with values at its edges."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A declared type, values as literals of the source, and all of it in PostgreSQL.

    texts: what the target has, as text; None: NULL.
    """

    declared: str
    values: tuple[str, ...]
    becomes: str
    texts: tuple[str | None, ...]


def kinds(*rows: tuple[str, Iterable[str], str, Iterable[str | None]]) -> tuple[Kind, ...]:
    return tuple(Kind(row[0], tuple(row[1]), row[2], tuple(row[3])) for row in rows)


EDGES = ('-9223372036854775808', '9223372036854775807')
LARGEST, SMALLEST = '1.7976931348623157e308', '5e-324'
WORDS = "'a' || char(9) || '\\N \\. ' || char(10) || char(13) || char(8,11,12) || 'é😀'"
WORDS_TEXT = 'a\t\\N \\. \n\r\b\v\fé😀'
ZONED = 'timestamp with time zone'

SQLITE = kinds(
    ('INTEGER', EDGES, 'bigint', EDGES),
    ('INT', ["'abc'", '1'], 'text', ['abc', '1']),
    ('unsigned big int', ['2147483648'], 'bigint', ['2147483648']),
    ('TINYINT', ['127', 'NULL'], 'bigint', ['127', None]),
    ('BOOLEAN', ['0', '1', 'NULL'], 'boolean', ['false', 'true', None]),
    ('BOOL', ['2'], 'bigint', ['2']),
    (
        'REAL',
        ['0.1', LARGEST, SMALLEST, '-0.0', '1e15', '1e-5', '1e23', '9e999'],
        'double precision',
        [
            *('0.1', '1.7976931348623157e+308', '5e-324', '0', '1e+15', '1e-05'),
            *('9.999999999999999e+22', 'Infinity'),
        ],
    ),
    ('DOUBLE', ['0.1 + 0.2'], 'double precision', ['0.30000000000000004']),
    (
        'NUMERIC(10,2)',
        ['1.5', '-99999999.99', '3'],
        'numeric(10,2)',
        ['1.50', '-99999999.99', '3.00'],
    ),
    ('NUMERIC(5,2)', ['1.555', '12345'], 'numeric', ['1.555', '12345']),
    ('DECIMAL(18,4)', ["'x'"], 'text', ['x']),
    (
        'NUMERIC',
        ['12345678901234567890.12', '1e-7'],
        'numeric',
        ['12345678901234567000', '0.0000001'],
    ),
    ('TEXT', [WORDS, "''", 'NULL'], 'text', [WORDS_TEXT, '', None]),
    ('VARCHAR(3)', ["'abc'", "'é  '"], 'character varying(3)', ['abc', 'é  ']),
    ('VARCHAR(3)', ["'abcd'"], 'text', ['abcd']),
    ('string', ["'s'"], 'text', ['s']),
    ('BLOB', ["x'00ff'", "x''"], 'bytea', ['\\x00ff', '\\x']),
    ('BLOB', ["'text'", "x'ff'", '1'], 'bytea', ['\\x74657874', '\\xff', '\\x31']),
    ('', ['1', "'a'", '2.5'], 'text', ['1', 'a', '2.5']),
    ('', ['1', '2.5'], 'double precision', ['1', '2.5']),
    ('', ['9007199254740993', '2.5'], 'numeric', ['9007199254740993', '2.5']),
    ('DATE', ["'2024-02-29'", "'0001-01-01'"], 'date', ['2024-02-29', '0001-01-01']),
    ('DATE', ["'yesterday'"], 'text', ['yesterday']),
    (
        'DATETIME',
        ["'2024-01-02 03:04:05.120'", "'2024-01-02T03:04'", "'9999-12-31 23:59:59.999999'"],
        'timestamp without time zone',
        ['2024-01-02 03:04:05.12', '2024-01-02 03:04:00', '9999-12-31 23:59:59.999999'],
    ),
    (
        'TIMESTAMP',
        ["'2024-01-02T03:04:05Z'", "'2024-01-01 00:30:00.5+02:00'"],
        ZONED,
        ['2024-01-02 03:04:05+00', '2023-12-31 22:30:00.5+00'],
    ),
    (
        'DATETIME',
        ["'2024-01-02 03:04:05Z'", "'2024-01-02 03:04:05'"],
        'text',
        ['2024-01-02 03:04:05Z', '2024-01-02 03:04:05'],
    ),
    ('DATETIME', ['1700000000'], 'bigint', ['1700000000']),
    ('TIME', ["'23:59:59.5'", "'00:00'"], 'time without time zone', ['23:59:59.5', '00:00:00']),
    (
        'uuid',
        ["'A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11'"],
        'uuid',
        ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
    ),
    (
        'JSON',
        ['\'{"b": 1.0, "a": [1,  2], "b": 2}\''],
        'json',
        ['{"b": 1.0, "a": [1,  2], "b": 2}'],
    ),
    ('JSON', ["'{'"], 'text', ['{']),
    ('my_type(3)', ['1'], 'bigint', ['1']),
)

POSTGRES = kinds(
    ('smallint', ['-32768', '32767'], 'smallint', ['-32768', '32767']),
    ('integer', ['-2147483648', '2147483647'], 'integer', ['-2147483648', '2147483647']),
    ('bigint', EDGES, 'bigint', EDGES),
    ('boolean', ['true', 'false', 'NULL'], 'boolean', ['true', 'false', None]),
    ('real', ["'0.1'", "'NaN'", "'-Infinity'"], 'real', ['0.1', 'NaN', '-Infinity']),
    (
        'double precision',
        [LARGEST, SMALLEST, "'-0'", '1e23'],
        'double precision',
        ['1.7976931348623157e+308', '5e-324', '-0', '9.999999999999999e+22'],
    ),
    ('numeric(10,2)', ["'NaN'", '-99999999.99'], 'numeric(10,2)', ['NaN', '-99999999.99']),
    (
        'numeric',
        ["'1.500'", "'Infinity'", "'1e-20'"],
        'numeric',
        ['1.500', 'Infinity', '0.00000000000000000001'],
    ),
    ('money', ["'12.34'"], 'money', ['$12.34']),
    ('text', ["E'a\\t\\\\N\\n\\r'", "''"], 'text', ['a\t\\N\n\r', '']),
    ('varchar(5)', ["'ab '"], 'character varying(5)', ['ab ']),
    ('char(5)', ["'ab'"], 'character(5)', ['ab']),
    ('"char"', ["'x'"], '"char"', ['x']),
    ('name', ["'n'"], 'name', ['n']),
    ('bytea', ["'\\x00ff'"], 'bytea', ['\\x00ff']),
    ('date', ["'4713-01-01 BC'", "'infinity'"], 'date', ['4713-01-01 BC', 'infinity']),
    ('time', ["'24:00'"], 'time without time zone', ['24:00:00']),
    ('timetz', ["'01:02:03+05'"], 'time with time zone', ['01:02:03+05']),
    (
        'timestamp(3)',
        ["'2024-01-02 03:04:05.678'"],
        'timestamp(3) without time zone',
        ['2024-01-02 03:04:05.678'],
    ),
    (
        'timestamptz',
        ["'-infinity'", "'2024-01-02 03:04:05+02'"],
        ZONED,
        ['-infinity', '2024-01-02 01:04:05+00'],
    ),
    ('interval', ["'1 mon -2 days 03:04:05.6'"], 'interval', ['1 mon -2 days +03:04:05.6']),
    (
        'uuid',
        ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"],
        'uuid',
        ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
    ),
    ('json', ['\'{"a":  1, "a": 2}\''], 'json', ['{"a":  1, "a": 2}']),
    ('jsonb', ['\'{"a": 1.0}\''], 'jsonb', ['{"a": 1.0}']),
    ('jsonpath', ["'$.a'"], 'jsonpath', ['$."a"']),
    ('inet', ["'10.0.0.1/8'", "'::1'"], 'inet', ['10.0.0.1/8', '::1/128']),
    ('cidr', ["'10.0.0.0/8'"], 'cidr', ['10.0.0.0/8']),
    ('macaddr', ["'08:00:2b:01:02:03'"], 'macaddr', ['08:00:2b:01:02:03']),
    ('bit(3)', ["B'101'"], 'bit(3)', ['101']),
    ('varbit', ["B'1'"], 'bit varying', ['1']),
    ('point', ["'(1,2)'"], 'point', ['(1,2)']),
    ('polygon', ["'((0,0),(1,1),(1,0))'"], 'polygon', ['((0,0),(1,1),(1,0))']),
    ('integer[]', ["'{1,NULL}'", "'[0:1]={1,2}'"], 'integer[]', ['{1,NULL}', '[0:1]={1,2}']),
    ('text[]', ['\'{"a b",""}\''], 'text[]', ['{"a b",""}']),
    ('int4range', ["'[1,5)'", "'empty'"], 'int4range', ['[1,5)', 'empty']),
    ('int4multirange', ["'{[1,2)}'"], 'int4multirange', ['{[1,2)}']),
    ('tsvector', ["'a:1 b:2'"], 'tsvector', ["'a':1 'b':2"]),
    ('pg_lsn', ["'16/B374D848'"], 'pg_lsn', ['16/B374D848']),
    ('oid', ['4294967295'], 'oid', ['4294967295']),
    ('regclass', ["'pg_class'"], 'regclass', ['pg_class']),
    ('mood', ["'sad'", "'o''k'"], 'mood', ['sad', "o'k"]),
    ('mood[]', ["'{sad}'"], 'mood[]', ['{sad}']),
    ('positive', ['5'], 'positive', ['5']),
    ('pair', ['\'(1,"a b")\''], 'pair', ['(1,"a b")']),
    ('elsewhere.colour', ["'red'"], 'text', ['red']),
)
POSTGRES_TYPES = (
    "CREATE TYPE mood AS ENUM ('sad', 'o''k')",
    'CREATE DOMAIN positive AS int NOT NULL DEFAULT 1 CHECK (VALUE > 0)',
    'CREATE TYPE pair AS (a int, b text)',
    "CREATE SCHEMA elsewhere; CREATE TYPE elsewhere.colour AS ENUM ('red')",
)

BLANKS = "concat('a', char(9), '\\\\N', char(10), char(13), 'é😀')"
MARIADB = kinds(
    ('tinyint', ['-128', '127'], 'smallint', ['-128', '127']),
    ('tinyint unsigned', ['255'], 'smallint', ['255']),
    ('tinyint(1)', ['0', '1', 'NULL'], 'boolean', ['false', 'true', None]),
    ('tinyint(1)', ['5'], 'smallint', ['5']),
    ('smallint unsigned', ['65535'], 'integer', ['65535']),
    ('mediumint', ['-8388608'], 'integer', ['-8388608']),
    ('int', ['-2147483648'], 'integer', ['-2147483648']),
    ('int unsigned', ['4294967295'], 'bigint', ['4294967295']),
    ('int(5) zerofill', ['42'], 'bigint', ['42']),
    ('bigint', EDGES, 'bigint', EDGES),
    ('bigint unsigned', ['18446744073709551615'], 'numeric(20,0)', ['18446744073709551615']),
    (
        'decimal(38,10)',
        ['-1234567890123456789012345678.0123456789', '0'],
        'numeric(38,10)',
        ['-1234567890123456789012345678.0123456789', '0.0000000000'],
    ),
    ('decimal(6,2) zerofill', ['1.5'], 'numeric(6,2)', ['1.50']),
    ('float', ['123456.789', '0.1'], 'real', ['123456.79', '0.1']),
    (
        'double',
        ['0.1', LARGEST, '5e-324', '1e-5', '-0.0', '1e23'],
        'double precision',
        ['0.1', '1.7976931348623157e+308', '5e-324', '1e-05', '0', '9.999999999999999e+22'],
    ),
    ('bit(1)', ["b'1'"], 'bit(1)', ['1']),
    ('bit(9)', ["b'100000001'"], 'bit(9)', ['100000001']),
    ('char(5)', ["'ab  '"], 'character varying(5)', ['ab']),
    ('varchar(5)', ["'ab  '", "''"], 'character varying(5)', ['ab  ', '']),
    ('varchar(20) character set latin1', ["'é'"], 'character varying(20)', ['é']),
    ('text', [BLANKS, 'NULL'], 'text', ['a\t\\N\n\ré😀', None]),
    ('longtext', ["'x'"], 'text', ['x']),
    ('binary(3)', ["'a'"], 'bytea', ['\\x610000']),
    ('varbinary(3)', ["x'00ff'"], 'bytea', ['\\x00ff']),
    ('longblob', ["x'00ff'", "''"], 'bytea', ['\\x00ff', '\\x']),
    ('date', ["'9999-12-31'", "'1000-01-01'"], 'date', ['9999-12-31', '1000-01-01']),
    (
        'datetime(6)',
        ["'2024-01-02 03:04:05.678900'"],
        'timestamp(6) without time zone',
        ['2024-01-02 03:04:05.6789'],
    ),
    (
        'timestamp(3) null',
        ["'2024-01-02 03:04:05.678'", 'NULL'],
        'timestamp(3) with time zone',
        ['2024-01-02 03:04:05.678+00', None],
    ),
    (
        'time(2)',
        ["'-838:59:59'", "'12:00:00.25'", "'00:00:00'"],
        'interval(2)',
        ['-838:59:59', '12:00:00.25', '00:00:00'],
    ),
    ('year', ['1901', '0'], 'smallint', ['1901', '0']),
    ("enum('a','b''c')", ["'b''c'"], 'text', ["b'c"]),
    ("enum('a')", ["'z'", "'a'"], 'text', ['', 'a']),
    ("set('x','y')", ["'x,y'", "''"], 'text', ['x,y', '']),
    ('json', ['\'{"b": 1.0, "a":  2}\''], 'json', ['{"b": 1.0, "a":  2}']),
    (
        'uuid',
        ["'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'"],
        'uuid',
        ['a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
    ),
    ('inet6', ["'::1'"], 'text', ['::1']),
    ('point', ['point(1, 2.5)'], 'text', ['POINT(1 2.5)']),
)
