"""What is shown: tables, wide characters, what a terminal would take for commands, progress."""

from __future__ import annotations

import pytest

from infra import Run, durations
from infra.cli import progress, table, text, words
from infra.errors import SettingsError, UnreachableError
from infra.records import Difference
from tests.infra import said

HEAD = ('NAME', 'ABOUT')


def test_whole_table() -> None:
    """A table for other programs is whole, however long its cells are."""
    found = table.lines(HEAD, [('a', 'x' * 300), ('long-name', '')], None)
    assert found == ['NAME       ABOUT', 'a          ' + 'x' * 300, 'long-name']


def test_cut_table() -> None:
    """A table for a terminal fits into it: the widest column gives way."""
    found = table.lines(HEAD, [('a-name', 'x' * 300)], 40)
    assert max(map(text.width, found)) == 40
    assert found[1] == 'a-name  ' + 'x' * 31 + '…'


def test_narrow_terminal() -> None:
    """In a terminal that is too narrow for anything, columns keep something of what they have."""
    assert table.lines(HEAD, [('a-long-name', 'x' * 300)], 1)[1] == 'a-long-…  xxxxxxx…'


def test_wide_characters() -> None:
    """Columns stand below each other also with wide, combining and invisible characters."""
    rows = [('名前', '1'), ('e\u0301', '2'), ('a\u200d', '3'), ('🚀', '4')]
    lines = table.lines(('N', 'V'), rows, None)
    assert {text.width(line) for line in lines} == {7}
    assert text.cut('名前名前', 5) == '名前…'
    assert text.width(text.cut('名前名前', 6)) == 5


def test_terminal_commands() -> None:
    """What a terminal would take for commands does not reach it."""
    hostile = '\x1b]0;title\x07\x1b[31mred\x1b[0m\x9b1m \u202eevil \udc80\r\nnext'
    assert text.printable(hostile) == 'red1m evil \ufffd\nnext'
    assert text.one_line(hostile) == 'red1m evil \ufffd next'


def test_danger_first() -> None:
    """What is lost comes first, and what does not change is left out."""
    given = ['same', 'update', 'import', 'read', 'delete', 'create', 'replace']
    run = Run.of(said.run(resources=[said.resource(each, each) for each in given]))
    found = [each.name for each in words.by_danger(run.resources)]
    assert found == ['replace', 'delete', 'update', 'create', 'import']


def test_counted() -> None:
    """How many resources something happened to is said in the same order."""
    assert words.counted({'same': 2, 'create': 1, 'replace': 3, 'delete': 0}) == (
        '3 replaced, 1 created, 2 unchanged'
    )
    assert words.counted({}) == 'no resources'


@pytest.mark.parametrize(
    ('old', 'new', 'line'),
    [
        (1, 2, 'a.b: 1 -> 2'),
        (None, ['x'], 'a.b: ["x"]'),
        ('x', None, 'a.b: x goes'),
        ('[secret]', '[secret]', 'a.b: [secret] -> [secret]'),
    ],
)
def test_differences(old: object, new: object, line: str) -> None:
    """A property that changes is one line."""
    assert words.difference(Difference('a.b', old, new)) == line


@pytest.mark.parametrize(
    ('seconds', 'words'),
    [
        (0.04, '0.0 s'),
        (59.9, '59.9 s'),
        (61, '1 min 1 s'),
        (3 * 3600 - 1, '3 h 0 min'),
        (8 * 3600, '8 h 0 min'),
        (3 * 86400, '3 d 0 h'),
    ],
)
def test_lengths(seconds: float, words: str) -> None:
    """How long something took is at most two units."""
    assert durations.text(seconds) == words


@pytest.mark.parametrize('given', ['', '8', '0h', '-1h', '8 h', 'PT8H', '99999999d', '٣h'])
def test_no_time(given: str) -> None:
    """What is no time is refused with examples of one."""
    with pytest.raises(SettingsError, match='10m'):
        durations.parse(given)


def test_lines(capfd: pytest.CaptureFixture[str]) -> None:
    """In a pipe each resource is a line, once; every half minute of silence is one, too."""
    now = [0.0]
    shown = progress.Lines(lambda: now[0])
    shown.begin(Run.of(said.running()))
    one = said.running(resources=[said.resource('a'), said.resource('b', state='running')])
    for seconds in (1.0, 2.0, 31.0, 45.0, 75.0):
        now[0] = seconds
        shown.take(Run.of(one))
    shown.lost(UnreachableError('Nobody there.'), 3.9)
    shown.end()
    assert capfd.readouterr().err.splitlines() == [
        'Updating web (run_1)',
        '  + create  a  done  0.2 s',
        '  still running, 31.0 s',
        '  still running, 1 min 15 s',
        '  No answer now, trying again in 4 s; the run goes on. Nobody there.',
    ]


def test_redrawn(capfd: pytest.CaptureFixture[str]) -> None:
    """At a terminal one line is drawn again, never wider than that, and is gone at the end."""
    shown = progress.Redrawn(lambda: 0.0)
    shown.take(Run.of(said.running(stack='x' * 100)))
    shown.take(Run.of(said.running(state='queued')))
    shown.end()
    drawn = capfd.readouterr().err.split(progress.ERASE)
    assert drawn == [
        '',
        'Updating ' + 'x' * 69 + '…',
        'Updating web: it waits for its turn, 0.0 s',
        '',
    ]


@pytest.mark.parametrize(
    'environ', [{'CI': 'true'}, {'NO_COLOR': '1'}, {'TERM': 'dumb'}, {'TERM': 'xterm'}]
)
def test_choice(environ: dict[str, str]) -> None:
    """Nothing is redrawn in CI, where that is not wanted, nor where there is no terminal."""
    assert isinstance(progress.choose(False, environ), progress.Lines)
    assert type(progress.choose(True, environ)) is progress.Progress
