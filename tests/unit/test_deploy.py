"""The files under deploy/: their grace periods, their variables, what they copy, their syntax."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from settings import CANCEL_GRACE, Settings
from tests import nginx
from tests.paths import ROOT

DEPLOY = ROOT / 'deploy'
DOCKERFILE = (DEPLOY / 'Dockerfile').read_text()
UNIT = (DEPLOY / 'learn-auto-api.service').read_text()
NGINX = (DEPLOY / 'nginx.conf').read_text()

OURS = {each.metadata['variable'] for each in fields(Settings)}
# Python's, the shell's, the XDG base directories' and PostgreSQL's own.
OTHERS = {'HOME', 'PATH', 'PYTHONUNBUFFERED', 'XDG_CACHE_HOME', 'PGPASSFILE', 'PGPASSWORD'}


def only(pattern: str, text: str) -> str:
    """Return what a pattern finds in the only place where it fits."""
    found = re.findall(pattern, text, re.MULTILINE)
    assert len(found) == 1, f'{pattern!r} fits {len(found)} times'
    return str(found[0])


@pytest.fixture
def graceful_timeout(clean_environ: None) -> int:
    """What gunicorn is given when nothing is set."""
    umask = os.umask(0)
    try:
        return int(runpy.run_path(str(ROOT / 'gunicorn.conf.py'))['graceful_timeout'])
    finally:
        os.umask(umask)  # The file sets that of the process.


@pytest.mark.parametrize(
    ('text', 'pattern'),
    [(UNIT, r'^TimeoutStopSec=(\d+)$'), (DOCKERFILE, r'^#.* --stop-timeout (\d+) ')],
    ids=['systemd', 'docker'],
)
def test_stop_grace(graceful_timeout: int, text: str, pattern: str) -> None:
    """Whoever stops the service waits for longer than gunicorn waits for its runs."""
    assert int(only(pattern, text)) > graceful_timeout


def test_proxy_waits_for_the_longest_answer() -> None:
    """The proxy waits for longer than a request may wait, have its slot recovered, and run."""
    settings = Settings()
    recovery = settings.destroy_timeout + CANCEL_GRACE
    longest = settings.slot_wait + recovery + settings.longest_request
    assert int(only(r'proxy_read_timeout (\d+)s;', NGINX)) > longest


def test_signals() -> None:
    """A stop is a SIGTERM to gunicorn alone."""
    assert only(r'^STOPSIGNAL (\w+)$', DOCKERFILE) == 'SIGTERM'
    assert only(r'^KillMode=(\w+)$', UNIT) == 'mixed'
    assert 'KillSignal' not in UNIT
    assert only(r'^CMD (\[.*\])$', DOCKERFILE) == '["gunicorn", "api:api"]'


def test_variables_are_settings() -> None:
    """Every variable that is set for the service is one of its settings, or somebody else's."""
    lines = re.findall(r'^ENV (.*)$', DOCKERFILE, re.MULTILINE)
    named = {each.partition('=')[0] for line in lines for each in line.split()}
    named |= set(re.findall(r'^Environment=(\w+)=', UNIT, re.MULTILINE))
    assert {'HOST', 'API_TOKEN_FILE', 'STATE_DIR'} <= named
    assert named <= OURS | OTHERS


def test_mentioned_variables_are_settings() -> None:
    """Every variable that a comment or the pages on deploying speak of is a setting."""
    pages = [(ROOT / 'docs' / name).read_text() for name in ('deploying.md', 'many-hosts.md')]
    spoken = {
        name for page in pages for name in re.findall(r'`([A-Z]+(?:_[A-Z]+)*)(?:=[^`]*)?`', page)
    }
    for text in (DOCKERFILE, UNIT, NGINX):
        comments = '\n'.join(line for line in text.splitlines() if line.startswith('#'))
        spoken |= set(re.findall(r'\b[A-Z]+_[A-Z_]+\b', comments))
    assert 'ALLOWED_HOSTS' in spoken
    assert spoken <= OURS | OTHERS | {'SIGTERM', 'GET'}


def test_image_has_every_module() -> None:
    """The image holds every file of ours that the service imports."""
    copied = [
        ROOT / source
        for line in re.findall(r'^COPY (.*)$', DOCKERFILE, re.MULTILINE)
        if '--from' not in line
        for source in [each for each in line.split() if not each.startswith('--')][:-1]
    ]
    files = [path for each in copied for path in each.parent.glob(each.name)]
    assert all(each.parent.glob(each.name) for each in copied)
    program = (
        'import runpy, sys; runpy.run_path("gunicorn.conf.py"); import api\n'
        'print(*[m.__file__ for m in sys.modules.values() if getattr(m, "__file__", None)], '
        'sep="\\n")'
    )
    done = subprocess.run(
        [sys.executable, '-c', program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    own = [Path(line) for line in done.stdout.split('\n') if line.startswith(f'{ROOT}{os.sep}')]
    own = [path for path in own if 'site-packages' not in path.parts]
    assert ROOT / 'api.py' in own
    for module in own:
        assert any(module == each or each in module.parents for each in files), module


def test_programs_have_room_for_venvs() -> None:
    """The service may write into the programs' folders, where each has its venv."""
    assert only(r'^COPY (.*) programs programs$', DOCKERFILE) == '--chown=service:service'
    assert only(r'^RUN python -m program_venv (.*)$', DOCKERFILE) == 'burner-program programs/*'
    folder = only(r'^Environment=PROGRAMS_DIR=%S/(\S+)$', UNIT)
    assert folder in only(r'^StateDirectory=(.*)$', UNIT).split()
    assert (
        only(r'^ExecStartPre=/usr/bin/cp -rT (.*)$', UNIT)
        == f'/opt/learn-auto-api/programs %S/{folder}'
    )


def test_unit_installs_the_whole_program() -> None:
    """The unit puts every file of the program where its settings can be written beside it."""
    listed = subprocess.run(
        ['git', 'ls-files', 'burner-program'], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip('not a git checkout')
    tracked = {name for name in listed.stdout.split() if not name.endswith('.gitignore')}
    assert set(re.findall(r'^    /opt/learn-auto-api/(\S+)', UNIT, re.MULTILINE)) == tracked


def test_unit_syntax(tmp_path: Path) -> None:
    """systemd finds nothing to say about the unit."""
    if not shutil.which('systemd-analyze'):
        pytest.skip('systemd-analyze is not here')
    # Whether the program exists is checked as well, and it is not installed where the unit says.
    unit = tmp_path / 'learn-auto-api.service'
    unit.write_text(
        UNIT.replace('/opt/learn-auto-api/venv/bin/gunicorn', shutil.which('true') or '')
    )
    done = subprocess.run(
        ['systemd-analyze', 'verify', '--man=no', str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in done.stderr.splitlines() if unit.name in line]
    assert (done.returncode, said) == (0, [])


def test_proxy_syntax(tmp_path: Path) -> None:
    """nginx finds nothing to say about its configuration."""
    if missing := nginx.missing_tool():
        pytest.skip(f'{missing} is not here')
    assert nginx.check(tmp_path) == ''
