"""The file of rules: checked as a whole, with line and field, and read when it changes."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from settings import SettingsError
from tests.triggers import PEOPLE, RULE, TOKEN, rules_file
from triggers.rules import templates
from triggers.rules.reading import RulesError, read
from triggers.rules.rule import Rule, Rules, Scale
from triggers.rules.templates import TemplateError
from triggers.toml_tables import Tables

GOOD = """\
[source.am]
kind = "alertmanager"
secret_env = "AM"
""" + RULE.format(more='')
ENVIRON = {'AM': TOKEN, 'SHORT': 'short', 'WHSEC': 'whsec_dG9vIHNob3J0'}


def parsed(text: str) -> Rules:
    return read(text, PEOPLE.__contains__, ENVIRON)


def flaws(text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(RulesError) as told:
        parsed(text)
    return [(each.line, each.field, each.detail) for each in told.value.flaws]


def test_read() -> None:
    """A whole file is what it says; what is not given is careful."""
    found = parsed(GOOD)
    rule = found.rule('spike')
    assert rule is not None
    assert rule.match == {'alertname': ['Spike'], 'app': ['shop', 'blog']}
    assert rule.scale == Scale('size', 1, 1, 4)
    assert (rule.runs_per_hour, rule.on_resolved, rule.breaker) == (None, 'restore', 3)
    assert parsed(GOOD.replace('dry_run = false', '')).rules[0].dry_run
    assert TOKEN not in repr(found)


@pytest.mark.parametrize(
    ('before', 'after', 'wanted'),
    [
        ('id = "spike"', 'id = "Sp ike"', (6, 'rule.1.id')),
        ('id = "spike"', '', (5, 'rule.1.id')),
        ('run_as = "anna"', 'run_as = "nobody"', (8, 'rule.spike.run_as')),
        ('source = "am"', 'source = "an"', (7, 'rule.spike.source')),
        ('program = ', 'programme = ', (10, 'rule.spike.programme')),
        ('match = {', 'match = {} #', (9, 'rule.spike.match')),
        ('step = 1', 'step = 0', (13, 'rule.spike.scale.step')),
        ('step = 1', 'stop = 1', (13, 'rule.spike.scale.stop')),
        ('min = 1', 'min = 9', (13, 'rule.spike.scale.min')),
        ('max = 4', 'max = "4"', (13, 'rule.spike.scale.max')),
        ('"restore"', '"forget"', (14, 'rule.spike.on_resolved')),
        ('scale =', '# scale =', (14, 'rule.spike.on_resolved')),
        ('"cap-${labels.app}"', '"cap-$(x)"', (11, 'rule.spike.stack')),
        ('"cap-${labels.app}"', '"cap-${env.HOME}"', (11, 'rule.spike.stack')),
        ('"cap-${labels.app}"', '"cap-${labels.__class__.x}"', (11, 'rule.spike.stack')),
        ('team = "${labels.app}"', 'team = "${labels.app"', (12, 'rule.spike.inputs.team')),
        ('dry_run = false', 'dry_run = "no"', (15, 'rule.spike.dry_run')),
        ('dry_run = false', 'cooldown = "soon"', (15, 'rule.spike.cooldown')),
        ('dry_run = false', 'quota = { runs = 1 }', (15, 'rule.spike.quota.runs')),
        ('dry_run = false', 'approval = "am"', (15, 'rule.spike.approval')),
        ('kind = "alertmanager"', 'kind = "pager"', (2, 'source.am.kind')),
        ('kind = "alertmanager"', 'kind = "mattermost"', (1, 'source.am.url')),
        ('secret_env = "AM"', 'secret = "in clear"', (3, 'source.am.secret')),
        ('secret_env = "AM"', 'secret_env = "NONE"', (3, 'source.am.secret_env')),
        ('secret_env = "AM"', 'secret_env = "SHORT"', (3, 'source.am.secret_env')),
        ('secret_env = "AM"', 'secret_file = "/none"', (3, 'source.am.secret_file')),
        ('secret_env = "AM"', '', (1, 'source.am.secret_env')),
        ('[source.am]', '[sauce.am]', (1, 'sauce')),
        ('[source.am]', '[source.Am_]', (1, 'source.Am_')),
    ],
)
def test_refused(before: str, after: str, wanted: tuple[int, str]) -> None:
    """What is wrong is told with its line and field, and without a secret."""
    assert before in GOOD
    found = flaws(GOOD.replace(before, after))
    assert wanted in [(line, field) for line, field, _ in found]
    assert TOKEN not in str(found)


def test_all_flaws_at_once() -> None:
    """All that is wrong is told at once, in the order of the lines."""
    text = GOOD.replace('"anna"', '"x"').replace('"restore"', '"y"') + '[[rule]]\nid = "z"\n'
    lines = [line for line, *_ in flaws(text)]
    assert len(set(lines)) >= 2
    assert lines == sorted(lines)


def test_no_toml() -> None:
    """What is no TOML is told with its line; so is a key that is there twice."""
    assert flaws('a = 1\nb =\n')[0][0] == 2
    assert 'line' not in flaws('enabled = true\nenabled = false\n')[0][2][:4]
    assert flaws('enabled = true\nenabled = false\n')[0][0] == 2


@pytest.mark.parametrize(
    'text',
    ['a = ' + '[' * 3000 + ']' * 3000, 'a = ' + '9' * 5000],
    ids=['deep', 'long'],
)
def test_beyond_measure(tmp_path: Path, text: str) -> None:
    """What no reader bears is a flaw like any other, also where the file changes."""
    assert flaws(text)[0][:2] == (1, '')
    found = rules_file(tmp_path, 'enabled = false')
    (tmp_path / 'some.toml').write_text(text)
    assert not found.current().enabled
    with pytest.raises(SettingsError, match='no TOML'):
        Tables('ANY_FILE', tmp_path / 'some.toml', {})


@pytest.mark.parametrize('name', ['/dev/zero', '\\u0000'])
def test_no_file_of_a_secret(tmp_path: Path, name: str) -> None:
    """What never ends is not read, and a name that no file has does no harm."""
    wrong = GOOD.replace('secret_env = "AM"', f'secret_file = "{name}"')
    assert 'cannot be read' in flaws(wrong)[0][2]
    found = rules_file(tmp_path, 'enabled = false')
    for text, is_on in ((wrong, False), ('enabled = true', True)):
        (tmp_path / 'some.toml').write_text(text)
        assert found.current().enabled == is_on


def test_same_id() -> None:
    """Two rules of one id are one too many."""
    again = RULE.format(more='')
    assert ('rule.spike.id', 'is the id of another rule') in [
        (field, detail) for _, field, detail in flaws(GOOD + again)
    ]


def test_standard_secret() -> None:
    """A secret of Standard Webhooks has its form."""
    text = GOOD.replace('"alertmanager"', '"standard"').replace('"AM"', '"WHSEC"')
    assert 'whsec_' in flaws(text)[0][2]


def test_file_that_changes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A change is in force at once; one that cannot be used changes nothing, and is told once."""
    secret = tmp_path / 'secret'
    secret.write_text(TOKEN)
    good = GOOD.replace('secret_env = "AM"', f'secret_file = "{secret}"')
    found = rules_file(tmp_path, good)
    assert found.current().rule('spike')
    file = tmp_path / 'some.toml'
    file.write_text(good.replace('"anna"', '"nobody"'))
    with caplog.at_level(logging.ERROR):
        assert [bool(found.current().rule('spike')) for _ in range(3)] == [True] * 3
    assert len([each for each in caplog.messages if 'line 8: rule.spike.run_as' in each]) == 1
    file.write_text(good.replace('"spike"', '"other"'))
    assert found.current().rule('other')
    secret.write_text('another-planted-secret')
    assert found.current().sources['am'].secrets == ('another-planted-secret',)
    file.unlink()
    assert found.current().rule('other')


def test_bad_from_the_start(tmp_path: Path) -> None:
    """A service does not start with a file that it cannot use."""
    with pytest.raises(SettingsError, match='line 1'):
        rules_file(tmp_path, 'enabled = 1')


AWKWARD = [
    *('', '-', '-a', 'A', 'a' * 41, 'a.b', 'a/b', '../a', 'a\n', '\na', 'a b', 'a\0', 'ä', '$a'),
    *(
        '${labels.app}',
        '$$',
        'a;b',
        'a`b`',
        '%s',
        '{0}',
        "a'b",
        'a"b',
        'a\\b',
        '\u0430',
        '①',
        'a\u200b',
    ),
]


@pytest.mark.parametrize('value', AWKWARD)
def test_awkward_names(value: str) -> None:
    """What is no part of a name does not become one; nothing is made of it instead."""
    with pytest.raises(TemplateError):
        templates.stack_name('cap-${labels.app}', templates.values({'app': value}, 'n', 's'))


@pytest.mark.parametrize('value', ['x' * 201, 'a\nb', 'a\0', '\x1b[31m', '\u202e'])
def test_awkward_values(value: str) -> None:
    """What is not printable, or too long, does not become an input."""
    with pytest.raises(TemplateError):
        templates.value('${labels.app}', templates.values({'app': value}, 'n', 's'))


def test_filled_once() -> None:
    """What comes from a label is never looked up itself."""
    labels = {'app': '${labels.secret}', 'secret': 'planted', 'name': '$name'}
    values = templates.values(labels, 'Spike', 'am')
    assert templates.value('${labels.app} $$ ${name}', values) == '${labels.secret} $ Spike'


@pytest.mark.parametrize(
    'text',
    ['${labels.app.x}', '${labels}', '$', '${}', '${labels.app!r}', '${labels[app]}', '${NAME}'],
)
def test_templates_that_break_out(text: str) -> None:
    """A template names labels, and nothing else."""
    with pytest.raises(TemplateError):
        templates.check(text)


def test_missing_label() -> None:
    """A label that the call does not have is told."""
    with pytest.raises(TemplateError, match=r'no labels\.app'):
        templates.value('${labels.app}', templates.values({}, 'n', 's'))


def test_whole_name() -> None:
    """A name may be as long as names may be."""
    values = templates.values({'a': 'a' * 40, 'b': 'b' * 40}, 'n', 's')
    with pytest.raises(TemplateError):
        templates.stack_name('${labels.a}-${labels.b}', values)


def test_matching() -> None:
    """All that is asked for must fit, exactly; a label that is missing fits nothing."""
    rule = Rule('r', 'am', 'anna', {'a': ['1', '2'], 'b': ['']}, 'token', 'x')
    assert rule.matches('am', {'a': '2', 'b': '', 'c': '3'})
    for source, labels in (
        ('am', {'a': '3', 'b': ''}),
        ('am', {'a': '1'}),
        ('am', {}),
        ('other', {'a': '1', 'b': ''}),
    ):
        assert not rule.matches(source, labels)
