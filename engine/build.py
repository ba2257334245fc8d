"""Build the engine once per machine into the user's cache, keyed by a hash of its sources.

A finished build is a folder named by that hash. It is made under another name and renamed when
complete, so an interrupted build is never taken for a whole one; a file lock, which the kernel
frees when its holder dies, makes a second builder wait for the first.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

from engine import golang
from engine.compiler import FLAGS, Compiler, Module
from engine.errors import CacheError, EngineUnusableError
from engine.work import Work

SOURCES = Path(__file__).resolve().parent
PULUMI_VERSION = 'v3.259.0'
SDK = 'github.com/pulumi/pulumi/sdk/v3'
LDFLAGS = f'-s -w -X {SDK}/go/common/version.Version={PULUMI_VERSION}'


MODULES = (
    Module(
        SOURCES / 'pulumi',
        {'github.com/pulumi/pulumi/pkg/v3/cmd/pulumi': 'pulumi', './warm': 'pulumi-warm'},
    ),
    Module(SOURCES / 'random', {'./cmd/pulumi-resource-random': 'pulumi-resource-random'}),
    Module(
        SOURCES / 'python-host',
        {f'{SDK}/python/cmd/pulumi-language-python': 'pulumi-language-python'},
    ),
)
# The folder where the engine looks for this version of a plugin first, and what belongs there.
PLUGINS = {'resource-random-v4.21.4': 'pulumi-resource-random'}
# Scripts that the official installer puts beside the CLI; they come in the SDK's Go module.
SCRIPTS = ('python/cmd/pulumi-language-python-exec', 'python/dist/pulumi-resource-pulumi-python')


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder that holds this machine's builds (it may not exist yet)."""
    home = Path(environ.get('XDG_CACHE_HOME', ''))
    if not home.is_absolute():  # The XDG specification has such ones ignored.
        home = Path(environ.get('HOME', '~')).expanduser() / '.cache'
    return home / 'learn-auto-api' / 'engine'


def fingerprint() -> str:
    """Return 16 hex digits that change when a Go source, a sum, a flag or the platform does."""
    digest = hashlib.sha256()
    executables = [module.executables for module in MODULES]
    recipe = (executables, PLUGINS, SCRIPTS, FLAGS, LDFLAGS, sys.platform, platform.machine())
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


def build(work: Work, environ: Mapping[str, str] = os.environ) -> Path:
    """Build the engine unless it is there already, and return its bin folder.

    Safe to call from several processes at once: one builds and the others wait for it.

    Raises EngineMissingError when there is no Go to be had, BuildError when a step fails,
    CacheError when there is no folder for it.
    """
    folder = cache_folder(environ)
    final = folder / fingerprint()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with work.alone(folder / 'build.lock', 'builds the Pulumi engine'):
            if not final.is_dir():
                _build_into(final, environ, work)
    except OSError as error:
        raise CacheError(folder, error) from error
    return final / 'bin'


def _go_sources() -> Iterator[Path]:
    for pattern in ('**/*.go', '**/go.mod', '**/go.sum', '**/*.json'):
        yield from (path for path in SOURCES.glob(pattern) if not path.match('*_test.go'))


def _build_into(final: Path, environ: Mapping[str, str], work: Work) -> None:
    _remove_unfinished(final.parent)
    log = final.parent / f'{final.name}.log'
    work.progress.say(
        'Building the Pulumi engine from Go modules. The first time takes some minutes; '
        f'after that it is kept.\n  into {final}\n  log  {log}'
    )
    unfinished = Path(tempfile.mkdtemp(prefix=f'{final.name}.unfinished-', dir=final.parent))
    try:
        with log.open('w') as output:
            _make_all(unfinished / 'bin', environ, work, output)
        # A temporary folder is its maker's alone; a build is for whoever shares the cache.
        unfinished.chmod(0o755)
        unfinished.rename(final)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _remove_unfinished(folder: Path) -> None:
    """Remove what killed builders left; only called under the lock, so none is in use."""
    for leftover in folder.glob('*.unfinished-*'):
        shutil.rmtree(leftover, ignore_errors=True)


def _make_all(bin_folder: Path, environ: Mapping[str, str], work: Work, log: TextIO) -> None:
    bin_folder.mkdir()
    go = golang.toolchain(cache_folder(environ), work, environ)
    compiler = Compiler(go, golang.build_environment(environ), work, log)
    first, *others = MODULES
    compiler.build_all(first, others, LDFLAGS, bin_folder)
    _copy_scripts(compiler.source_of(f'{SDK}@{PULUMI_VERSION}', first), bin_folder)
    _lay_out_plugins(bin_folder)


def _lay_out_plugins(bin_folder: Path) -> None:
    """Put each plugin where `pulumi plugin install` would put it, as a link."""
    for folder, binary in PLUGINS.items():
        plugin = bin_folder.parent / 'plugins' / folder
        plugin.mkdir(parents=True)
        (plugin / binary).symlink_to(Path('..', '..', 'bin', binary))


def _copy_scripts(sdk: Path, bin_folder: Path) -> None:
    for script in SCRIPTS:
        target = bin_folder / Path(script).name
        shutil.copyfile(sdk / script, target)
        target.chmod(0o755)
