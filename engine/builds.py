"""What is built of Go modules: once per machine into the user's cache, keyed by its sources.

A finished build is a folder named by a hash. It is made under another name and renamed when
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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from engine import golang
from engine.compiler import FLAGS, Compiler, Module
from engine.errors import BuildError, CacheError, EngineUnusableError
from engine.work import Work


def _as_it_is(compiler: Compiler, folder: Path) -> None:
    """Leave a build as the compiler made it."""


@dataclass(frozen=True)
class Recipe:
    """How something is built.

    name: of its folder in the cache. what: messages call it.
    sources: the folder whose Go files and sums go into it.
    modules: the largest first. ldflags: what is written into the executables.
    ways_out: what people can do where it cannot be built.
    parts: what else goes into it, for its hash; finish: puts that into the build's folder.
    machine: what it is for, as the kernel calls it; one that Go builds for on any other.
    """

    name: str
    what: str
    sources: Path
    modules: tuple[Module, ...]
    ldflags: str
    ways_out: str
    parts: tuple[object, ...] = ()
    finish: Callable[[Compiler, Path], None] = _as_it_is
    machine: str = platform.machine()

    def cache_folder(self, environ: Mapping[str, str] = os.environ) -> Path:
        """Return the folder that holds this machine's builds of it (it may not exist yet)."""
        return cache(environ) / self.name

    def fingerprint(self) -> str:
        """Return 16 hex digits that change when a Go source, a sum, a flag or the platform does."""
        digest = hashlib.sha256()
        executables = [module.executables for module in self.modules]
        whole = (executables, *self.parts, FLAGS, self.ldflags, sys.platform, self.machine)
        digest.update(repr(whole).encode())
        for source in sorted(self._go_sources()):
            digest.update(source.relative_to(self.sources).as_posix().encode() + b'\0')
            digest.update(source.read_bytes() + b'\0')
        return digest.hexdigest()[:16]

    def built_bin(self, environ: Mapping[str, str] = os.environ) -> Path | None:
        """Return the bin folder of the finished build of these sources, or None.

        Raises EngineUnusableError when it belongs to somebody who keeps it closed.
        """
        folder = self.cache_folder(environ) / self.fingerprint() / 'bin'
        try:
            return folder if folder.is_dir() else None
        except PermissionError as error:
            raise EngineUnusableError(
                f'The {self.what} in {folder.parent} is closed to this user. Open it to all '
                '(chmod -R go+rX), or set XDG_CACHE_HOME to a folder of your own.'
            ) from error

    def build(self, work: Work, environ: Mapping[str, str] = os.environ) -> Path:
        """Build it unless it is there already, and return its bin folder.

        Safe to call from several processes at once: one builds and the others wait for it.

        Raises EngineMissingError when there is no Go to be had, BuildError when a step fails,
        CacheError when there is no folder for it.
        """
        folder = self.cache_folder(environ)
        final = folder / self.fingerprint()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with work.alone(folder / 'build.lock', f'builds the {self.what}'):
                if not final.is_dir():
                    self._build_into(final, environ, work)
        except OSError as error:
            raise CacheError(self.what, folder, error) from error
        return final / 'bin'

    def _go_sources(self) -> Iterator[Path]:
        for pattern in ('**/*.go', '**/go.mod', '**/go.sum', '**/*.json'):
            found = self.sources.glob(pattern)
            yield from (path for path in found if not path.match('*_test.go'))

    def _build_into(self, final: Path, environ: Mapping[str, str], work: Work) -> None:
        _remove_unfinished(final.parent)
        log = final.parent / f'{final.name}.log'
        work.progress.say(
            f'Building the {self.what} from Go modules. The first time takes some minutes; '
            f'after that it is kept.\n  into {final}\n  log  {log}'
        )
        unfinished = Path(tempfile.mkdtemp(prefix=f'{final.name}.unfinished-', dir=final.parent))
        try:
            with log.open('w') as output:
                self._make(unfinished, environ, work, output)
            # A temporary folder is its maker's alone; a build is for whoever shares the cache.
            unfinished.chmod(0o755)
            unfinished.rename(final)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def _make(self, folder: Path, environ: Mapping[str, str], work: Work, log: TextIO) -> None:
        (folder / 'bin').mkdir()
        go = golang.toolchain(golang_folder(environ), work, environ)
        compiler = Compiler(go, golang.build_environment(environ, self.machine), work, log)
        try:
            compiler.build_all(self.modules[0], self.modules[1:], self.ldflags, folder / 'bin')
            self.finish(compiler, folder)
        except BuildError as error:
            raise error.with_ways_out(self.ways_out) from None


def cache(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of all that this machine has built (it may not exist yet)."""
    home = Path(environ.get('XDG_CACHE_HOME', ''))
    if not home.is_absolute():  # The XDG specification has such ones ignored.
        home = Path(environ.get('HOME', '~')).expanduser() / '.cache'
    return home / 'learn-auto-api'


def golang_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder that keeps Go toolchains, which all builds share."""
    return cache(environ) / 'engine'


def _remove_unfinished(folder: Path) -> None:
    """Remove what killed builders left; only called under the lock, so none is in use."""
    for leftover in folder.glob('*.unfinished-*'):
        shutil.rmtree(leftover, ignore_errors=True)
