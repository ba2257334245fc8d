"""What goes wrong in the surroundings, on the real engine: one clear answer, nothing left."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.paths import ROOT
from tests.service import serving


def test_engine_that_goes_away(tmp_path: Path, own_engine: Path) -> None:
    """An engine that is removed while the service runs is a 503."""
    with serving(tmp_path, ENGINE='cli', PULUMI=str(own_engine / 'pulumi')) as service:
        shutil.rmtree(own_engine)
        service.assert_refused(503)


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


def test_interrupted_start() -> None:
    """Ctrl-C while the engine is built ends the start with one line."""
    code = (
        'import sys, api, engine\n'
        'def interrupted(*_): raise KeyboardInterrupt\n'
        'engine.set_up = interrupted\n'
        'sys.exit(api.main())\n'
    )
    done = subprocess.run(
        [sys.executable, '-c', code],
        cwd=ROOT,
        env={'PATH': '/usr/bin:/bin', 'PORT': '0'},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (130, 'Interrupted before it served.\n')
