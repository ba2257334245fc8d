"""Output as it is kept: no control characters, no known secret, no endless line."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from stacks.operation.log_text import CUT, LONGEST_LINE, LogText

PLAIN = LogText([])
KEY = 'line one\nline two\nab\n'


@pytest.mark.parametrize(
    ('given', 'expected'),
    [
        ('plain ä €', 'plain ä €'),
        ('\x1b[1;31mred\x1b[0m', 'red'),
        ('\x1b]8;;http://x\x07link\x1b]8;;\x1b\\', 'link'),
        ('\x1b]0;title', ''),
        ('\x1bcreset \x1b(B\x1b', 'reset '),
        ('a\x00b\x07c\x7fd\x9be', 'abcde'),
        ('tab\tstays', 'tab\tstays'),
        ('50%\r100%', '50% 100%'),
        ('two\nlines', 'two lines'),
        ('half \ud83d of one', 'half ? of one'),
    ],
)
def test_characters(given: str, expected: str) -> None:
    """What a terminal takes for commands is not kept, nor what is no character."""
    assert PLAIN.line(given) == expected


def test_long_line() -> None:
    """A line that is too long is cut, and says so; secrets at the cut do not show in part."""
    assert PLAIN.line('x' * LONGEST_LINE) == 'x' * LONGEST_LINE
    assert PLAIN.line('x' * 10_000_000) == 'x' * LONGEST_LINE + CUT
    line = 'x' * (LONGEST_LINE - 4) + 'planted' + 'x' * 99
    assert 'pla' not in LogText(['planted']).line(line)


@pytest.mark.parametrize(
    ('secrets', 'given', 'expected'),
    [
        (['planted'], 'a planted, planted!', 'a [secret], [secret]!'),
        (['planted', 'planted-too'], 'planted-too planted', '[secret] [secret]'),
        (['a.*b'], 'a.*b axxb', '[secret] axxb'),
        (['abc', ''], 'abc', 'abc'),
        (['planted'], 'pla\x1b[0mnted', '[secret]'),
        (['pla\x07nted'], 'pla\x07nted', '[secret]'),
        (['half\ud83d'], 'half\ud83d', '[secret]'),
        (['tab\there'], 'tab\there', '[secret]'),
        ([KEY], 'line one', '[secret]'),
        ([KEY], 'ab', 'ab'),
        (['ab\ncd\nef'], 'ab\ncd\nef', '[secret]'),
        ([KEY], json.dumps(KEY), '"[secret]"'),
        (['say "ä"'], json.dumps({'key': 'say "ä"'}), '{"key": "[secret]"}'),
        (['say "ä"'], '{"key": "say \\"ä\\""}', '{"key": "[secret]"}'),
        (['it\'s "a"\\b'], repr({'key': 'it\'s "a"\\b'}), "{'key': '[secret]'}"),
        ([KEY], repr(KEY), "'[secret]'"),
        ([' planted\t\n'], 'a planted value', 'a [secret] value'),
        (['first\n  second\t'], 'a second value', 'a [secret] value'),
        (
            ['pla/nt ed&'],
            f'{quote("pla/nt ed&")} {quote("pla/nt ed&", safe="")}',
            '[secret] [secret]',
        ),
        (['pla/nt ed&'], urlencode({'key': 'pla/nt ed&'}), 'key=[secret]'),
        (['planted??>'], 'Basic cGxhbnRlZD8/Pg== cGxhbnRlZD8_Pg', 'Basic [secret] [secret]'),
        (['planted\n'], b64encode(b'planted').decode(), '[secret]'),
        (['1', 'abc', 'true'], 'MQ== YWJj dHJ1ZQ==', 'MQ== YWJj dHJ1ZQ=='),
    ],
)
def test_secrets(secrets: list[str], given: str, expected: str) -> None:
    """A known secret shows nowhere: within others, across escapes, in lines, in other forms."""
    assert LogText(secrets).line(given) == expected


def test_text() -> None:
    """Text of several lines keeps them, without the secrets in each."""
    assert LogText([KEY]).text('first\r\nline one\nline two\x0b\nlast') == (
        'first\n[secret]\n[secret]\n\nlast'
    )


@pytest.mark.parametrize(
    ('given', 'expected'),
    [
        ('a planted', 'a [secret]'),
        ({'planted': ['planted', {'x': 'planted'}]}, {'[secret]': ['[secret]', {'x': '[secret]'}]}),
        ([4711, 47110, 4711.5, True, None], ['[secret]', 47110, 4711.5, True, None]),
    ],
)
def test_values(given: Any, expected: Any) -> None:
    """A value of JSON has no secret in it, whether as text or as a number."""
    assert LogText(['planted', '4711']).value(given) == expected
