"""What goes wrong in the surroundings, on the real engine: one clear answer, nothing left."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import engine
from tests.paths import ROOT
from tests.problem import assert_problem
from tests.service import Service, serving


def assert_refused(service: Service, status: int) -> None:
    answer = service.get('/uuid')
    assert_problem(answer.status_code, answer.headers, answer.json(), status)


def test_engine_that_goes_away(tmp_path: Path, built_engine: engine.Engine) -> None:
    """An engine that is removed while the service runs is a 503."""
    folder = tmp_path / 'bin'
    shutil.copytree(built_engine.bin, folder, copy_function=lambda a, b: Path(b).symlink_to(a))
    with serving(tmp_path, ENGINE='cli', PULUMI=str(folder / 'pulumi')) as service:
        shutil.rmtree(folder)
        assert_refused(service, 503)


def test_missing_engine_at_start(tmp_path: Path) -> None:
    """A setting that names no engine ends the start with one clear message."""
    done = subprocess.run(
        [sys.executable, 'api.py'],
        cwd=ROOT,
        env={'PATH': '/usr/bin:/bin', 'PULUMI': '/nowhere/pulumi', 'PORT': '0'},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.startswith('PULUMI=/nowhere/pulumi is not an executable')
    assert 'Traceback' not in done.stderr
