"""What the documents of the client show runs as it stands, against a real service."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.infra.process import at_terminal, environment, in_shell
from tests.paths import ROOT
from tests.platform import TOKEN, Site, inputs, platform

README = (ROOT / 'infra' / 'README.md').read_text()
PIPELINES = (ROOT / 'docs' / 'pipelines.md').read_text()


@pytest.fixture(scope='module')
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A service that all tests here share."""
    with platform(tmp_path_factory.mktemp('site')) as site:
        yield site


@pytest.fixture(autouse=True)
def here(site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Have commands find the service, and a page."""
    monkeypatch.setenv('INFRA_URL', site.service.url)
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'index.html').write_text('<h1>hello</h1>\n')


def blocks(text: str, language: str) -> list[str]:
    """Return a document's blocks of a language."""
    return re.findall(f'^```{language}\n(.*?)^```$', text, re.MULTILINE | re.DOTALL)


def run(script: str, **environ: str) -> str:
    """Return what a script prints."""
    done = in_shell(script, **environ)
    assert done.code == 0, (script, done)
    return done.out


def steps(lines: list[str]) -> str:
    """Return a pipeline's lines without those that install, which takes the platform's checkout."""
    return '\n'.join(line for line in lines if not line.startswith('pip install'))


def test_readme() -> None:
    """The shell lines of the README run as they stand, one block after the other."""
    out = run('\n'.join(blocks(README, 'bash')))
    assert 'A strong password for each of some accounts' in out
    assert re.search(r'^team-web  passwords  ready ', out, re.MULTILINE)
    assert re.search(r'^\{"ann": "(?!\[secret\])', out, re.MULTILINE)


def test_readme_session() -> None:
    """What the README shows first is what is seen at a terminal."""
    shown = blocks(README, 'console')[0].splitlines()
    command = shlex.split(shown[0].removeprefix('$ infra '))
    with at_terminal(*command) as terminal:
        terminal.wait_for('[y/N] ')
        terminal.type('y\n')
        assert terminal.end() == 0
    seen = [line.rpartition('\x1b[K')[2] for line in terminal.seen.split('\r\n')]
    assert [line for line in seen if line] == shown[1:]
    run('infra destroy team-web --yes')


def test_readme_python(site: Site) -> None:
    """The Python lines of the README run as they stand."""
    done = subprocess.run(
        [sys.executable, '-c', *blocks(README, 'python')],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith('from-python ready 2')
    assert site.client.call('GET', '/stacks/from-python').status_code == 404


def test_github(site: Site, tmp_path: Path) -> None:
    """The steps for GitHub Actions make a stack, tell its address, destroy it, also twice."""
    workflow: dict[str, Any] = yaml.safe_load(blocks(PIPELINES, 'yaml')[-2])
    output = tmp_path / 'output'
    given = {'STACK': 'review-7', 'GITHUB_OUTPUT': str(output), 'CI': 'true'}
    assert set(workflow['env']) == {'INFRA_URL', 'INFRA_TOKEN', 'STACK'}
    update, destroy = (
        steps([step['run'] for step in workflow['jobs'][name]['steps'] if 'run' in step])
        for name in ('update', 'destroy')
    )
    run(update, **given)
    run(update, **given)
    assert re.fullmatch(r'url=http://\S+\n(url=http://\S+\n)?', output.read_text())
    run(destroy, **given)
    run(destroy, **given)
    assert site.client.call('GET', '/stacks/review-7').status_code == 404


def test_gitlab(site: Site, tmp_path: Path) -> None:
    """The steps for GitLab make a stack, tell its address, and destroy it."""
    jobs: dict[str, Any] = yaml.safe_load(blocks(PIPELINES, 'yaml')[-1])
    given = {'STACK': 'review-8', 'CI': 'true'}
    run(steps(jobs['update']['script']), **given)
    assert (tmp_path / 'stack.env').read_text().startswith('URL=http://')
    run(steps(jobs['destroy']['script']), **given)
    assert site.client.call('GET', '/stacks/review-8').status_code == 404


def test_other_lines_for_pipelines(site: Site) -> None:
    """The other lines for pipelines tell whether a stack differs, and change a secret."""
    check, secret = blocks(PIPELINES, 'bash')
    site.client.done(site.client.create('production', inputs('a')))
    assert 'production is as it should be' in run(check)
    run(secret, DB_PASSWORD=TOKEN + '-new')
    (site.files / 'stack.production-a').write_text('changed')
    run('infra refresh production --accept')
    assert in_shell(check).code == 1
    run('infra destroy production --yes')


def test_installed_alone(tmp_path: Path) -> None:
    """The package installs from its folder, with its types, and runs from there."""
    target = tmp_path / 'installed'
    # What it needs is in this venv.
    options = ['--quiet', '--no-deps', '--no-build-isolation', '--disable-pip-version-check']
    where = ['--target', str(target), str(ROOT / 'infra')]
    subprocess.run([sys.executable, '-m', 'pip', 'install', *options, *where], check=True)
    assert (target / 'infra' / 'py.typed').exists()
    done = subprocess.run(
        [sys.executable, '-m', 'infra', '--version'],
        env=environment(PYTHONPATH=str(target)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith('infra, version ')
    assert list((target / 'bin').iterdir()) == [target / 'bin' / 'infra']
