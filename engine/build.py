"""Build the engine once per machine into the user's cache, keyed by a hash of its sources.

A finished build is a folder named by that hash. It is made under another name and renamed when
complete, so an interrupted build is never taken for a whole one; a file lock, which the kernel
frees when its holder dies, makes a second builder wait for the first.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from engine import golang
from engine.errors import BuildError, EngineUnusableError

SOURCES = Path(__file__).resolve().parent
PULUMI_VERSION = 'v3.259.0'
SDK = 'github.com/pulumi/pulumi/sdk/v3'
STEP_DEADLINE = 45 * 60.0
PROGRESS_EVERY = 15.0
# Without symbol tables, local paths and the repository's state the binaries are a third smaller and
# equal on all machines.
FLAGS = ('-trimpath', '-buildvcs=false', '-mod=readonly')
LDFLAGS = f'-s -w -X {SDK}/go/common/version.Version={PULUMI_VERSION}'


@dataclass(frozen=True)
class Binary:
    """One executable: its file name, the Go module (a folder here) and the package to build."""

    name: str
    module: str
    package: str


BINARIES = (
    Binary('pulumi', 'pulumi', 'github.com/pulumi/pulumi/pkg/v3/cmd/pulumi'),
    Binary('pulumi-warm', 'pulumi', './warm'),
    Binary('pulumi-resource-random', 'random', './cmd/pulumi-resource-random'),
    Binary('pulumi-language-python', 'python-host', f'{SDK}/python/cmd/pulumi-language-python'),
)
# The folder where the engine looks for this version of a plugin first, and what belongs there.
PLUGINS = {'resource-random-v4.21.4': 'pulumi-resource-random'}
# Scripts that the official installer puts beside the CLI; they come in the SDK's Go module.
SCRIPTS = ('python/cmd/pulumi-language-python-exec', 'python/dist/pulumi-resource-pulumi-python')


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder that holds this machine's builds (it may not exist yet)."""
    home = environ.get('XDG_CACHE_HOME') or Path(environ.get('HOME', '~')).expanduser() / '.cache'
    return Path(home) / 'learn-auto-api' / 'engine'


def fingerprint() -> str:
    """Return 16 hex digits that change when a Go source, a sum, a flag or the platform does."""
    digest = hashlib.sha256()
    recipe = (BINARIES, PLUGINS, SCRIPTS, FLAGS, LDFLAGS, sys.platform, platform.machine())
    digest.update(repr(recipe).encode())
    for source in sorted(_go_sources()):
        digest.update(source.relative_to(SOURCES).as_posix().encode() + b'\0')
        digest.update(source.read_bytes() + b'\0')
    return digest.hexdigest()[:16]


def built_bin(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the bin folder of the finished build of these sources, or None.

    Raises EngineUnusableError when it belongs to somebody who keeps it closed.
    """
    folder = cache_folder(environ) / fingerprint() / 'bin'
    try:
        return folder if folder.is_dir() else None
    except PermissionError as error:
        raise EngineUnusableError(
            f'The engine in {folder.parent} is closed to this user. Open it to all '
            '(chmod -R go+rX), or set XDG_CACHE_HOME to a folder of your own.'
        ) from error


def build(environ: Mapping[str, str] = os.environ) -> Path:
    """Build the engine unless it is there already, and return its bin folder.

    Safe to call from several processes at once: one builds and the others wait for it.

    Raises EngineMissingError when there is no Go to be had, BuildError when a step fails.
    """
    folder = cache_folder(environ)
    folder.mkdir(parents=True, exist_ok=True)
    final = folder / fingerprint()
    with _only_builder(folder / 'build.lock'):
        if not final.is_dir():
            _build_into(final, environ)
    return final / 'bin'


def _go_sources() -> Iterator[Path]:
    for pattern in ('**/*.go', '**/go.mod', '**/go.sum', '**/*.json'):
        yield from (path for path in SOURCES.glob(pattern) if not path.match('*_test.go'))


@contextmanager
def _only_builder(lock: Path) -> Iterator[None]:
    with lock.open('w') as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say('Another process is building the Pulumi engine; waiting for it ...')
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _build_into(final: Path, environ: Mapping[str, str]) -> None:
    _remove_unfinished(final.parent)
    log = final.parent / f'{final.name}.log'
    unfinished = Path(tempfile.mkdtemp(prefix=f'{final.name}.unfinished-', dir=final.parent))
    _say(
        'Building the Pulumi engine from Go modules. The first time takes about 8 minutes; '
        f'after that it is kept.\n  into {final}\n  log  {log}'
    )
    started = time.monotonic()
    try:
        with log.open('w') as output:
            _make_all(unfinished / 'bin', environ, output)
        # A temporary folder is its maker's alone; a build is for whoever shares the cache.
        unfinished.chmod(0o755)
        unfinished.rename(final)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    _say(f'The Pulumi engine is ready ({_clock(time.monotonic() - started)}).')


def _remove_unfinished(folder: Path) -> None:
    """Remove what killed builders left; only called under the lock, so none is in use."""
    for leftover in folder.glob('*.unfinished-*'):
        shutil.rmtree(leftover, ignore_errors=True)


def _make_all(bin_folder: Path, environ: Mapping[str, str], log: TextIO) -> None:
    bin_folder.mkdir()
    go = golang.toolchain(cache_folder(environ), environ)
    go_environ = golang.build_environment(environ)
    for number, binary in enumerate(BINARIES, start=1):
        command = [go, 'build', *FLAGS, '-ldflags', LDFLAGS, '-o', str(bin_folder / binary.name)]
        step = f'{binary.name} ({number} of {len(BINARIES)})'
        _run(step, [*command, binary.package], SOURCES / binary.module, go_environ, log)
    _copy_scripts(go, bin_folder, go_environ)
    _lay_out_plugins(bin_folder)


def _lay_out_plugins(bin_folder: Path) -> None:
    """Put each plugin where `pulumi plugin install` would put it, as a link."""
    for folder, binary in PLUGINS.items():
        plugin = bin_folder.parent / 'plugins' / folder
        plugin.mkdir(parents=True)
        (plugin / binary).symlink_to(Path('..', '..', 'bin', binary))


def _copy_scripts(go: str, bin_folder: Path, environ: Mapping[str, str]) -> None:
    listing = subprocess.run(
        [go, 'mod', 'download', '-json', f'{SDK}@{PULUMI_VERSION}'],
        cwd=SOURCES / 'pulumi',
        env=dict(environ),
        check=True,
        capture_output=True,
        timeout=STEP_DEADLINE,
    )
    module = Path(json.loads(listing.stdout)['Dir'])
    for script in SCRIPTS:
        target = bin_folder / Path(script).name
        shutil.copyfile(module / script, target)
        target.chmod(0o755)


def _run(step: str, command: list[str], cwd: Path, environ: Mapping[str, str], log: TextIO) -> None:
    """Run one build step to its end, with the time gone on stderr as it runs."""
    print(f'== {step}: {" ".join(command)}', file=log, flush=True)
    started = time.monotonic()
    process = subprocess.Popen(
        command, cwd=cwd, env=dict(environ), stdin=subprocess.DEVNULL, stdout=log, stderr=log
    )
    try:
        _wait(process, step, started)
    finally:
        process.kill()
        process.wait()
    if process.returncode != 0:
        lines = Path(log.name).read_text(errors='replace').splitlines()
        raise BuildError(step, Path(log.name), '\n'.join(f'  {line}' for line in lines[-10:]))
    _say(f'  {step}: done in {_clock(time.monotonic() - started)}')


def _wait(process: subprocess.Popen[bytes], step: str, started: float) -> None:
    gone = 0.0
    while gone < STEP_DEADLINE:
        try:
            process.wait(timeout=PROGRESS_EVERY)
            return
        except subprocess.TimeoutExpired:
            gone = time.monotonic() - started
            _say(f'  {step}: {_clock(gone)} ...')


def _clock(seconds: float) -> str:
    return f'{int(seconds) // 60}m{int(seconds) % 60:02d}s'


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
