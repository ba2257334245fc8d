"""Programs that fail, and surroundings in which none can run."""

from __future__ import annotations

import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import engine
from tests.faults.held import Held, await_that, serving_held
from tests.paths import ROOT

PROGRAM = ROOT / 'tests' / 'programs' / 'held'


@pytest.fixture(scope='module')
def held(tmp_path_factory: pytest.TempPathFactory, mode: str) -> Iterator[Held]:
    """A service for those that leave it as it was, which each of them sees to itself."""
    with serving_held(tmp_path_factory.mktemp('held'), ENGINE=mode) as held:
        yield held


def test_program_raises(held: Held) -> None:
    """A program that raises: its traceback is in the log and not in the answer."""
    with held.gate.telling('raise'):
        held.service.assert_refused(502)
    assert 'RuntimeError: the program was told to fail' in held.service.log()
    held.assert_clean()


def test_output_is_missing(held: Held) -> None:
    """A program without the output that it was asked for."""
    with held.gate.telling('no-output'):
        held.service.assert_refused(502)
    held.assert_clean()


def test_output_is_secret(held: Held) -> None:
    """A secret output is masked in the answer and in the log."""
    with held.gate.telling('secret'):
        assert held.service.get('/uuid').json() == {'response': '[secret]'}
    assert 'info: Output: [secret]' in held.service.log()
    held.assert_clean()


def test_destroy_fails(tmp_path: Path, mode: str) -> None:
    """The engine dies in the destroy after a good update: the answer is kept all the same."""
    with serving_held(tmp_path, ENGINE=mode) as held:
        with held.gate.held():
            answer = held.send()
            held.gate.wait_until_held()
            if mode == 'warm':  # It would be over before it can be killed.
                held.kill('provider', signal.SIGSTOP)
        await_that(lambda: 'info: Destroying the stack...' in held.service.log())
        await_that(lambda: held.pids('engine'))
        held.kill('engine')
        assert answer.result(timeout=90).status_code == 200
        assert 'was not destroyed; it will be recovered' in held.service.log()
        held.assert_clean()
        stack = held.service.settings['STACK']
        # It is told after the resource has gone, for which alone was waited.
        await_that(lambda: ('-', stack, 'recover', 'succeeded') in audit_lines(held))
        destroy, run = audit_lines(held)[:2]
        assert destroy[:3] == ('127.0.0.1', stack, 'destroy')
        assert destroy[3].endswith('Error')
        assert run == ('127.0.0.1', stack, 'run uuid', 'succeeded')


def audit_lines(held: Held) -> list[tuple[str, ...]]:
    """Return who did what to which stack, and how it ended, of each line."""
    form = r"audit: caller=(\S+) stack=(\S+) action='(.*)' result=(\w+)"
    return re.findall(form, held.service.log())


@pytest.mark.slow
def test_plugin_is_missing(tmp_path: Path, built_engine: engine.Engine, own_engine: Path) -> None:
    """Without the provider's plugin, a Pulumi of the user's answers 503 until it is there."""
    plugin = own_engine / 'pulumi-resource-random'
    plugin.unlink()
    settings = {
        'PULUMI': str(own_engine / 'pulumi'),
        'PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION': 'true',
    }
    with serving_held(tmp_path, ENGINE='cli', **settings) as held:
        held.service.assert_refused(503)
        plugin.symlink_to(built_engine.bin / plugin.name)
        held.assert_clean()


@pytest.mark.slow
def test_venv_cannot_be_made(tmp_path: Path, mode: str) -> None:
    """Without a venv and a package index there is a 503, until the index is there."""
    program = tmp_path / 'held'
    shutil.copytree(PROGRAM, program, ignore=shutil.ignore_patterns('venv', 'Pulumi.*.yaml'))
    requirements = program / 'requirements.txt'
    right = requirements.read_text()
    requirements.write_text(f'--index-url http://127.0.0.1:1/\n{right}')
    settings = {'HELD_PROGRAM': str(program), 'PIP_RETRIES': '0'}
    with serving_held(tmp_path, ENGINE=mode, **settings) as held:
        held.service.assert_refused(503)
        held.service.assert_refused(503, path='/readyz')
        requirements.write_text(right)
        held.assert_clean()
