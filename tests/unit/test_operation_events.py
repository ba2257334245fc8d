"""What people see of an operation's events: resources, differences, failures, outputs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stacks.operation.differences import Difference
from stacks.operation.marks import SECRET_SIGNATURE, SIGNATURE
from stacks.operation.progress import Failure, Progress
from tests.events import STACK, done, failed, pre, summary, told, urn

OLD = {'inputs': {'length': 8}, 'outputs': {'length': 8, 'result': 'x'}}
NEW = {'inputs': {'length': 9}, 'outputs': {'length': 9, 'result': 'y'}}


@pytest.fixture
def progress() -> Progress:
    """Progress by a clock that goes on a second at each look."""
    seconds: Iterator[int] = iter(range(100))
    return Progress(lambda: float(next(seconds)))


def seen(progress: Progress) -> list[tuple[str, str, str]]:
    return [(each.name, each.operation, each.state) for each in progress.resources]


def test_create(progress: Progress) -> None:
    """A resource runs from its first event to its last one, with what it gets."""
    progress.take(pre('create', urn('a'), new=NEW))
    assert seen(progress) == [('a', 'create', 'running')]
    assert progress.resources[0].seconds is None
    progress.take(done('create', urn('a'), new=NEW))
    [found] = progress.resources
    assert (found.state, found.seconds) == ('done', 1.0)
    assert [(each.path, each.new) for each in found.differences] == [('length', 9)]


def test_own_and_providers(progress: Progress) -> None:
    """The stack itself and its providers are no resources that people see."""
    for resource in (STACK, 'urn:pulumi:dev::token::pulumi:providers:random::default'):
        progress.take(pre('create', resource, new=NEW))
        progress.take(done('create', resource, new=NEW))
    assert progress.resources == []


@pytest.mark.parametrize(
    'steps',
    [
        ('create-replacement', 'replace', 'delete-replaced'),
        ('delete-replaced', 'replace', 'create-replacement'),
    ],
)
def test_replace(progress: Progress, steps: tuple[str, ...]) -> None:
    """A replacement is seen once, from the begin of its first step to the end of its last one."""
    for op in steps:
        new = None if op == 'delete-replaced' else NEW
        progress.take(pre(op, urn('a'), old=OLD, new=new, keys=['length']))
        assert seen(progress) == [('a', 'replace', 'running')]
        assert progress.resources[0].seconds is None
        progress.take(done(op, urn('a'), old=OLD, new=new))
    [found] = progress.resources
    assert (found.operation, found.state) == ('replace', 'done')
    assert found.seconds
    assert found.differences == [Difference('length', 8, 9, replaces=True)]


@pytest.mark.parametrize(
    ('op', 'new', 'expected'),
    [
        ('same', OLD, ('same', [])),
        ('refresh', OLD, ('same', [])),
        ('update', {**OLD, 'outputs': NEW['outputs']}, ('update', ['length', 'result'])),
        ('delete', None, ('delete', ['length', 'result'])),
    ],
)
def test_refresh(
    progress: Progress, op: str, new: dict[str, object] | None, expected: tuple[str, list[str]]
) -> None:
    """A refresh is what it finds at its end: the same, or what was changed outside."""
    progress.take(pre('refresh', urn('a'), old=OLD, new=OLD))
    assert seen(progress) == [('a', 'refresh', 'running')]
    progress.take(done(op, urn('a'), old=OLD, new=new))
    [found] = progress.resources
    assert (found.operation, [each.path for each in found.differences]) == expected


def test_update_after_a_look(progress: Progress) -> None:
    """What an update does after a look at the same resources is told, not what the look found."""
    for event in (
        pre('refresh', urn('a')),
        done('update', urn('a')),
        pre('refresh', urn('b')),
        done('same', urn('b')),
    ):
        progress.take(event)
    assert seen(progress) == [('a', 'update', 'done'), ('b', 'same', 'done')]
    for event in (pre('update', urn('a')), pre('create', urn('b'))):
        progress.take(event)
    assert seen(progress) == [('a', 'update', 'running'), ('b', 'create', 'running')]


def test_failed(progress: Progress) -> None:
    """A resource whose step fails is failed, and its message is kept with it."""
    progress.take(pre('create', urn('a'), new=NEW))
    progress.take(told('no such thing\n', urn('a')))
    progress.take(failed('create', urn('a')))
    progress.take(told('update failed', STACK))
    progress.take(told('  ', STACK))
    progress.take(told('only a warning', urn('a'), severity='warning'))
    assert seen(progress) == [('a', 'create', 'failed')]
    assert progress.failures == [
        Failure(urn('a'), 'no such thing'),
        Failure(STACK, 'update failed'),
    ]


def test_end_without_begin(progress: Progress) -> None:
    """An end of what never began is passed over."""
    progress.take(done('create', urn('a'), new=NEW))
    progress.take(failed('create', urn('b')))
    assert progress.resources == []


def test_outputs(progress: Progress) -> None:
    """The stack's outputs are kept, secret ones in words; its removal has none."""
    hidden = {SIGNATURE: SECRET_SIGNATURE, 'ciphertext': 'planted'}
    progress.take(pre('create', STACK, new={}))
    assert progress.outputs is None
    outputs = {'a': 1, 'b': hidden, 'c': {'d': [hidden]}}
    progress.take(done('create', STACK, new={'outputs': outputs}))
    expected = {'a': 1, 'b': '[secret]', 'c': {'d': ['[secret]']}}
    assert progress.outputs == expected
    progress.take(done('delete', STACK, old={'outputs': outputs}))
    assert progress.outputs == expected


def test_summary(progress: Progress) -> None:
    """The engine's own counts are kept."""
    progress.take(summary(create=2, same=1))
    assert progress.changes == {'create': 2, 'same': 1}
