"""Programs that tests need from the operating system, installed where this user may."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.children import FailedError
from engine.work import Work

# What tests may drive as a browser, the first that is here; all of them are Chromium.
BROWSERS = ('chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome')
# Debian's packages that some test needs, and the programs of which any one does.
PACKAGES = {
    'nginx-light': ('nginx',),
    'openssl': ('openssl',),
    'mariadb-server': ('mariadb-install-db',),
    'prometheus': ('prometheus',),
    'prometheus-alertmanager': ('prometheus-alertmanager',),
    BROWSERS[0]: BROWSERS,
}
# What a package calls to start its server on this machine. Tests start their own, elsewhere.
STARTERS = ('invoke-rc.d', 'deb-systemd-invoke')
DPKG_PATH = '/usr/sbin:/usr/bin:/sbin:/bin'


def install(work: Work) -> None:
    """Install what is missing with apt; what cannot be had, the tests that need it tell."""
    missing = [package for package, programs in PACKAGES.items() if not any_of(programs)]
    if not missing:
        return
    if os.geteuid() != 0 or not shutil.which('apt-get'):
        work.progress.say(f'  Not installed, that takes root and apt-get: {", ".join(missing)}')
        return
    with work.progress.step(f'system packages {", ".join(missing)}'), _nothing_started() as path:
        wanted = ['apt-get', 'install', '-q', '-y', '--no-install-recommends', *path]
        if _run(['apt-get', 'update', '-q'], work):
            # Each by itself: not every system of this kind has all of them.
            for package in missing:
                _run([*wanted, package], work)


def any_of(programs: Iterable[str]) -> str | None:
    """Return the path of the first of these programs that is here."""
    return next(filter(None, map(shutil.which, programs)), None)


def _run(command: list[str], work: Work) -> bool:
    """Tell whether a command of apt succeeded; if not, say what it said."""
    environ = {**os.environ, 'DEBIAN_FRONTEND': 'noninteractive'}
    try:
        work.children.check(command, environ=environ)
    except FailedError as error:
        work.progress.say('\n'.join(['  apt-get failed:', *error.lines[-5:]]))
        return False
    return True


@contextmanager
def _nothing_started() -> Iterator[list[str]]:
    """Yield the options that have packages find, before the real starters, some that do nothing."""
    with tempfile.TemporaryDirectory() as folder:
        for name in STARTERS:
            idle = Path(folder) / name
            idle.write_text('#!/bin/sh\n')
            idle.chmod(0o755)
        yield ['-o', f'DPkg::Path={folder}:{DPKG_PATH}']
