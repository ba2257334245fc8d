"""Pipelines as they stand in deploy/: their steps as written, with an issuer of the test's own."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.infra.process import environment
from tests.issuer import GITHUB, GITLAB, TRUST, TRUST_OF_GITLAB, Issuer, issuing
from tests.paths import ROOT
from tests.platform import TOKEN, Site, platform
from web.tokens import digest

OPERATOR = 'planted-operator-token'
ACTION = yaml.safe_load((ROOT / 'deploy' / 'github' / 'action.yml').read_text())
GITLAB_JOBS = yaml.safe_load((ROOT / 'deploy' / 'gitlab' / 'infra.yml').read_text())
INPUTS = json.dumps({'names': ['a'], 'token': TOKEN})
Given = dict[str, Any]
EXPRESSION = re.compile(r'\$\{\{ inputs\.(\w+) \}\}')
PATIENCE = 120


@dataclass
class Place:
    """A service, and who makes the tokens of its pipelines."""

    site: Site
    issuer: Issuer
    url: str
    folder: Path


@dataclass
class Ended:
    """How steps ended. outputs: of the last one that has an id."""

    code: int
    text: str
    outputs: dict[str, str]


@contextmanager
def reserved_port() -> Iterator[int]:
    """Have a port that only who asks for it by its number gets."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(('127.0.0.1', 0))
        yield held.getsockname()[1]


@pytest.fixture(scope='module')
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp('pipelines')
    with issuing() as issuer, reserved_port() as port:
        url = f'http://127.0.0.1:{port}'
        kinds = (('github', issuer.url), ('gitlab', f'{issuer.url}/gitlab'))
        issuers = ''.join(
            f'[[issuer]]\nname = "{kind}"\nkind = "{kind}"\nurl = "{its_url}"\n'
            f'keys_url = "{issuer.url}/keys"\n'
            for kind, its_url in kinds
        )
        (folder / 'oidc.toml').write_text(issuers + TRUST + TRUST_OF_GITLAB)
        (folder / 'tokens').write_text(f'olga operator {digest(OPERATOR)}\n')
        settings = {
            'PORT': str(port),
            'PUBLIC_URL': url,
            'OIDC_FILE': str(folder / 'oidc.toml'),
            'API_TOKENS_FILE': str(folder / 'tokens'),
        }
        with platform(folder, token=OPERATOR, **settings) as site:
            yield Place(site, issuer, url, folder)


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests, and that this may be CI, out of them."""
    for variable in list(os.environ):
        if variable.startswith(('INFRA_', 'GITHUB_', 'CI_', 'ACTIONS_')):
            monkeypatch.delenv(variable)


def bash(script: str, folder: Path, environ: Mapping[str, str], *options: str) -> tuple[int, str]:
    """Run a script in a folder, as the runners do; return its exit code and what it wrote."""
    done = subprocess.run(
        ['bash', '--noprofile', '--norc', '-eo', 'pipefail', *options, '-c', script],
        cwd=folder,
        env={**environment(), **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def github(place: Place, folder: Path, attempt: int = 1, **given: str) -> Ended:
    """Run the steps of the action as GitHub does, for inputs that are given."""
    folder.mkdir(exist_ok=True)
    inputs = {name: each.get('default', '') for name, each in ACTION['inputs'].items()}
    inputs |= {'server': place.url, **given}
    output = folder / 'output'
    output.touch()
    usual = {
        'RUNNER_TEMP': str(folder),
        'GITHUB_OUTPUT': str(output),
        'GITHUB_PATH': str(folder / 'path'),
        'GITHUB_ACTION_PATH': str(ROOT / 'deploy' / 'github'),
        'GITHUB_RUN_ID': '777',
        'GITHUB_RUN_ATTEMPT': str(attempt),
        'GITHUB_JOB': 'deploy',
        'ACTIONS_ID_TOKEN_REQUEST_URL': f'{place.issuer.url}/token?api-version=2',
        'ACTIONS_ID_TOKEN_REQUEST_TOKEN': place.issuer.request_token,
    }
    text, code = '', 0
    for step in ACTION['runs']['steps']:
        named = {
            name: EXPRESSION.sub(lambda match: inputs[match[1]], value)
            for name, value in step.get('env', {}).items()
        }
        code, said = bash(step['run'], folder, {**usual, **named})
        text += said
        if code:
            break
    return Ended(code, text, outputs_of(output.read_text()))


def outputs_of(text: str) -> dict[str, str]:
    """Return what a step has written into GITHUB_OUTPUT."""
    found: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        if '<<' in line:
            name, _, end = line.partition('<<')
            found[name] = '\n'.join(iter(lambda: next(lines), end))
        else:
            name, _, found[name] = line.partition('=')
    return found


def gitlab(place: Place, folder: Path, job: str, **given: str) -> tuple[int, str]:
    """Run a job of the include as GitLab does."""
    project = folder / 'project'
    project.mkdir(parents=True, exist_ok=True)
    parent, own = GITLAB_JOBS['.infra'], GITLAB_JOBS[job]
    variables = {**parent['variables'], **own.get('variables', {}), **given}
    token = place.issuer.token(GITLAB, iss=f'{place.issuer.url}/gitlab', aud=place.url)
    environ = {
        **variables,
        'INFRA_URL': place.url,
        'INFRA_ID_TOKEN': token,
        'CI_PROJECT_DIR': str(project),
        'XDG_CONFIG_HOME': str(folder / 'config'),
    }
    script = '\n'.join([*parent['before_script'], *own['script']])
    code, said = bash(script, project, environ)
    after, _ = bash('\n'.join(parent['after_script']), project, environ)
    assert after == 0
    left = [each.name for each in folder.rglob('*') if each.is_file()]
    assert left == ['config.toml']
    assert 'token' not in (folder / 'config' / 'infra' / 'config.toml').read_text()
    return code, said


def runs(place: Place, stack: str) -> list[dict[str, Any]]:
    return list(place.site.client.get(f'/runs?stack={stack}')['items'])


def test_github(place: Place, tmp_path: Path) -> None:
    """A job makes a stack, once however often its step is run, and destroys it."""
    given: Given = {'stack': 'review-1', 'program': 'files', 'inputs': INPUTS, 'ttl': '3d'}
    first = github(place, tmp_path / 'first', **given)
    assert first.code == 0, first.text
    assert place.site.existing('review-1') == {'a'}
    assert json.loads(first.outputs['outputs'])['token'] == '[secret]'
    again = github(place, tmp_path / 'again', **given)
    assert again.code == 0, again.text
    assert again.outputs['run'] == first.outputs['run']
    [run] = runs(place, 'review-1')
    assert (run['id'], run['caller']) == (first.outputs['run'], 'shop-deploy')
    changed = {**given, 'inputs': json.dumps({'names': ['a', 'b'], 'token': TOKEN})}
    third = github(place, tmp_path / 'third', attempt=2, **changed)
    assert third.code == 0, third.text
    assert place.site.existing('review-1') == {'a', 'b'}
    for attempt in (3, 4):
        ended = github(
            place, tmp_path / f'end-{attempt}', attempt, stack='review-1', operation='destroy'
        )
        assert ended.code == 0, ended.text
    assert place.site.existing('review-1') == set()
    said = place.site.service.log() + first.text + again.text + third.text
    for each in ('repository=octo/shop', 'run_id=777', f'sha={GITHUB["sha"]}', 'actor=mona'):
        assert each in said
    for secret in (TOKEN, place.issuer.request_token, 'infra_pipeline_', 'eyJ'):
        assert secret not in said
    left = [each for each in tmp_path.rglob('*') if each.is_file()]
    assert {each.name for each in left} <= {'output', 'path'}


def test_exit_codes(place: Place, tmp_path: Path) -> None:
    """A run that fails, inputs that are refused and the end of the waiting are told apart."""
    given: Given = {'stack': 'review-2', 'program': 'files'}
    refused = github(place, tmp_path / 'a', inputs='{"names": 1}', **given)
    assert refused.code == 2, refused.text
    (place.site.files / 'exit').touch()
    failed = github(place, tmp_path / 'b', attempt=2, inputs=INPUTS, **given)
    (place.site.files / 'exit').unlink()
    assert failed.code == 4, failed.text
    (place.site.files / 'slow').touch()
    late = github(place, tmp_path / 'c', attempt=3, inputs=INPUTS, timeout='2', **given)
    (place.site.files / 'slow').unlink()
    assert late.code == 124, late.text
    place.site.client.done({'id': late.outputs['run']})
    wrong = github(place, tmp_path / 'd', stack='review-2', operation='explode')
    assert wrong.code == 2


def test_no_injection(place: Place, tmp_path: Path) -> None:
    """What comes from outside is never a command, nor an option."""
    for number, stack in enumerate(('$(touch injected)', '"; touch injected; "', '--help')):
        done = github(
            place, tmp_path / str(number), stack=stack, program='`touch injected`', inputs='{}'
        )
        assert done.code != 0
    assert not list(tmp_path.rglob('injected'))


def test_untrusted(place: Place, tmp_path: Path) -> None:
    """A job of another branch, or of a pull request, gets nothing."""
    for changes in ({'ref': 'refs/heads/other'}, {'event_name': 'pull_request'}):
        place.issuer.claims = {**GITHUB, **changes}
        try:
            done = github(place, tmp_path, stack='review-3', program='files', inputs=INPUTS)
        finally:
            place.issuer.claims = dict(GITHUB)
        assert done.code == 3, done.text
        assert 'No pipeline that is trusted here' in done.text
    assert runs(place, 'review-3') == []


def test_gitlab(place: Place, tmp_path: Path) -> None:
    """A job of GitLab's makes a stack and destroys it, also where it is gone."""
    given = {'STACK': 'review-4', 'CI_JOB_ID': '1'}
    code, said = gitlab(place, tmp_path, '.infra-up', PROGRAM='files', INPUTS=INPUTS, **given)
    assert code == 0, said
    assert place.site.existing('review-4') == {'a'}
    [run] = runs(place, 'review-4')
    assert run['caller'] == 'shop-gitlab'
    for job in ('2', '3'):
        code, said = gitlab(place, tmp_path, '.infra-destroy', **{**given, 'CI_JOB_ID': job})
        assert code == 0, said
    assert place.site.existing('review-4') == set()


def test_sign_in(place: Place) -> None:
    """Whoever signs in needs no token before, and only their own pipeline's counts, and once."""
    client = place.site.client
    client._session.headers.pop('Authorization')
    try:
        token = place.issuer.token(aud=place.url)
        answer = client.call('POST', '/auth/oidc', json={'token': token})
        assert answer.status_code == 200, answer.text
        assert answer.headers['Cache-Control'] == 'no-store'
        assert answer.json()['name'] == 'shop-deploy'
        own = {'Authorization': f'Bearer {answer.json()["token"]}'}
        assert client.call('GET', '/stacks', headers=own).status_code == 200
        assert client.call('GET', '/notifications', headers=own).status_code == 403
        for again in (token, 'made-up', place.issuer.token()):
            refused = client.call('POST', '/auth/oidc', json={'token': again})
            assert refused.status_code == 401
            assert again not in refused.text
        assert client.call('POST', '/auth/oidc', json={}).status_code == 422
        assert client.call('GET', '/stacks').status_code == 401
    finally:
        client._session.headers['Authorization'] = f'Bearer {OPERATOR}'


@pytest.mark.slow
def test_installed(tmp_path: Path) -> None:
    """Where there is no client, the action installs the one of its own version."""
    step = ACTION['runs']['steps'][0]
    bare = {
        'PATH': '/usr/local/bin:/usr/bin:/bin',
        'RUNNER_TEMP': str(tmp_path),
        'GITHUB_PATH': str(tmp_path / 'path'),
        'GITHUB_ACTION_PATH': str(ROOT / 'deploy' / 'github'),
    }
    code, said = bash(step['run'], tmp_path, bare)
    assert code == 0, said
    folder = (tmp_path / 'path').read_text().strip()
    assert subprocess.run([f'{folder}/infra', '--version'], check=True).returncode == 0
