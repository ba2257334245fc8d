"""Which engine this machine uses: the PULUMI setting, PATH, an installed wheel, our own build."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from engine import installed
from engine.build import ENGINE, PULUMI_VERSION
from engine.errors import EngineUnusableError
from engine.work import Work, under_way

# The Automation API reads the event log of an older CLI in another way, which we do not test.
MINIMUM_VERSION = (3, 205, 0)
VERSION_DEADLINE = 30.0


@dataclass(frozen=True)
class Engine:
    """A usable engine.

    pulumi: the CLI's executable.
    source: 'PULUMI setting', 'PATH', 'wheel' or 'built'.
    version: as in 3.259.0.
    warm, plugins: the warm engine's executable and the folder of plugins, which our own build has,
        also in a wheel.
    """

    pulumi: Path
    source: str
    version: tuple[int, ...]
    warm: Path | None = None
    plugins: Path | None = None

    @property
    def bin(self) -> Path:
        """The folder of the CLI and of the plugins beside it."""
        return self.pulumi.parent


def find(pulumi: str | None = None, environ: Mapping[str, str] = os.environ) -> Engine | None:
    """Return the engine that is ready to use, or None where one must be built first.

    pulumi: the PULUMI setting, a path or a name on PATH; empty or None when not set.

    An engine in a wheel counts where it is built of the same sources as ours would be.

    Raises EngineUnusableError when the setting names something that does not run or is too old:
    whoever set it wants that one, so nothing else is taken in its place.
    """
    search_path = environ.get('PATH')
    if pulumi:
        return _named(pulumi, search_path)
    on_path = shutil.which('pulumi', path=search_path)
    version = _version_of(Path(on_path)) if on_path else None
    if on_path and version and version >= MINIMUM_VERSION:
        return Engine(Path(on_path).absolute(), 'PATH', version)
    in_wheel = installed.bin_folder(ENGINE.fingerprint)
    return _ours(in_wheel, 'wheel') or _ours(ENGINE.built_bin(environ), 'built')


def set_up(
    pulumi: str | None = None,
    environ: Mapping[str, str] = os.environ,
    work: Work | None = None,
) -> Engine:
    """Return the engine of this machine, building it when there is none, which takes minutes.

    work: what it is a part of; a set-up of its own when None.

    Raises EngineUnusableError, EngineMissingError, CacheError or BuildError.
    """
    found = find(pulumi, environ)
    if found is None:
        with nullcontext(work) if work else under_way() as shared:
            found = _ours(ENGINE.build(shared, environ), 'built')
    assert found is not None, 'a finished build has a bin folder'
    return found


def _named(pulumi: str, search_path: str | None) -> Engine:
    path = shutil.which(pulumi, path=search_path)
    if path is None:
        raise EngineUnusableError(
            f'PULUMI={pulumi} is not an executable file. Correct it, or unset it to use the '
            'pulumi on PATH, an installed wheel or our own build.'
        )
    version = _version_of(Path(path))
    if version is None or version < MINIMUM_VERSION:
        found = '.'.join(map(str, version)) if version else 'a program that prints no version'
        wanted = '.'.join(map(str, MINIMUM_VERSION))
        raise EngineUnusableError(f'PULUMI={pulumi} is {found}; at least {wanted} is needed.')
    return Engine(Path(path).absolute(), 'PULUMI setting', version)


def _ours(bin_folder: Path | None, source: str) -> Engine | None:
    if bin_folder is None:
        return None
    version = _parsed(PULUMI_VERSION)
    assert version is not None
    return Engine(
        bin_folder / 'pulumi',
        source,
        version,
        warm=bin_folder / 'pulumi-warm',
        plugins=bin_folder.parent / 'plugins',
    )


def _version_of(pulumi: Path) -> tuple[int, ...] | None:
    """Ask an executable for its version; None when it does not answer like pulumi."""
    try:
        answer = subprocess.run(
            [pulumi, 'version'],
            env={**os.environ, 'PULUMI_SKIP_UPDATE_CHECK': 'true'},
            capture_output=True,
            check=False,
            text=True,
            timeout=VERSION_DEADLINE,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return _parsed(answer.stdout)


def _parsed(version: str) -> tuple[int, ...] | None:
    match = re.match(r'v?(\d+)\.(\d+)\.(\d+)', version)
    return tuple(int(part) for part in match.groups()) if match else None
