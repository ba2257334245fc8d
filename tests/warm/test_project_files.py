"""Project files that are broken or odd: the CLI knows what to say about them, and says it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pulumi import automation as auto

from tests.warm.project import Project
from warm_pulumi import WarmPulumi, programs

PYTHON = b'name: project\nruntime: {name: python, options: {virtualenv: %s}}\n'
ODD_FILES = {
    'no-yaml': b'name: project\nruntime: [python\n',
    'list': b'- name: project\n',
    'number': b'3\n',
    'empty': b'',
    'no-runtime': b'name: project\n',
    'runtime-list': b'name: project\nruntime: [python]\n',
    'runtime-without-name': b'name: project\nruntime: {options: {}}\n',
    'options-list': b'name: project\nruntime: {name: python, options: [1]}\n',
    'options-number': b'name: project\nruntime: {name: python, options: 3}\n',
    'virtualenv-number': PYTHON % b'3',
    'virtualenv-list': PYTHON % b'[venv]',
    'virtualenv-nul': PYTHON % b'"a\\0b"',
    'merge': b'name: project\nruntime: {<<: {name: python}}\n',
    'no-utf-8': b'name: proj\xffect\nruntime: python\n',
    'deep': b'name: project\nruntime: ' + b'[' * 5000,
    'unknown-tag': b'name: project\nruntime: !!python/name:os.system\n',
}
# What the CLI accepts, though values beside the runtime make no sense to other readers of YAML.
UNREADABLE_BESIDE = {
    'date': b'description: 2020-99-99\n',
    'long-number': b'description: ' + b'9' * 5000 + b'\n',
    'tag': b'description: !!bool perhaps\n',
}


@pytest.mark.parametrize('text', [pytest.param(ODD_FILES[name], id=name) for name in ODD_FILES])
def test_left_to_the_stock_host(tmp_path: Path, text: bytes) -> None:
    """No program host is chosen for a project file that is not plainly right."""
    (tmp_path / 'Pulumi.yaml').write_bytes(text)
    assert programs.interpreter(str(tmp_path), {'PATH': '/usr/bin'}) is None


@pytest.mark.parametrize(
    'text', [pytest.param(UNREADABLE_BESIDE[name], id=name) for name in UNREADABLE_BESIDE]
)
def test_read_for_its_runtime_alone(tmp_path: Path, text: bytes) -> None:
    """What else a project file holds does not matter to the choice of the interpreter."""
    python = tmp_path / 'bin' / 'python3'
    python.parent.mkdir()
    python.touch(mode=0o755)
    (tmp_path / 'Pulumi.yaml').write_bytes(b'name: project\nruntime: python\n' + text)
    assert programs.interpreter(str(tmp_path), {'PATH': str(python.parent)}) == str(python)


def test_unreadable(tmp_path: Path) -> None:
    """A project file that cannot be opened is left to the CLI as well."""
    (tmp_path / 'Pulumi.yaml').symlink_to('/proc/self/mem')
    assert programs.interpreter(str(tmp_path), {'PATH': '/usr/bin'}) is None


@pytest.mark.parametrize('name', ['no-yaml', 'list', 'virtualenv-number', 'options-list'])
def test_outcome_is_the_clis(
    shared_warm: WarmPulumi, cold: auto.PulumiCommand, project: Project, name: str
) -> None:
    """A command on an odd project file ends as with the stock CLI."""
    project.stack(shared_warm)
    project.write("print('ran')")
    (project.folder / 'Pulumi.yaml').write_bytes(ODD_FILES[name])
    expected = project.outcome(cold, 'preview', '--stack', 'dev')
    assert project.outcome(shared_warm, 'preview', '--stack', 'dev') == expected


def test_folder_as_a_path(shared_warm: WarmPulumi, project: Project) -> None:
    """The folder and the environment may be given as paths, as to the SDK's own runner."""
    env = {**project.env, 'PULUMI_HOME': Path(project.env['PULUMI_HOME'])}
    result = shared_warm.run(['stack', 'ls'], project.folder, env)  # type: ignore[arg-type]
    assert result.code == 0


def test_environment_that_is_none(shared_warm: WarmPulumi, project: Project) -> None:
    """A value that no environment can have is a TypeError, as with the SDK's own runner."""
    engine = shared_warm.engine_pid
    with pytest.raises(TypeError, match='not int'):
        shared_warm.run(['whoami'], str(project.folder), {'NUMBER': 3})  # type: ignore[dict-item]
    assert shared_warm.engine_pid == engine
