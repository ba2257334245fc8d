"""Programs that tests need from the operating system, installed where this user may."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.children import FailedError
from engine.work import Work

# Debian's package of each program that some test starts.
PACKAGE_OF = {
    'nginx': 'nginx-light',
    'openssl': 'openssl',
    'mariadb-install-db': 'mariadb-server',
}
# What a package calls to start its server on this machine. Tests start their own, elsewhere.
STARTERS = ('invoke-rc.d', 'deb-systemd-invoke')
DPKG_PATH = '/usr/sbin:/usr/bin:/sbin:/bin'


def install(work: Work) -> None:
    """Install what is missing with apt; what cannot be had, the tests that need it tell."""
    missing = [package for program, package in PACKAGE_OF.items() if not shutil.which(program)]
    if not missing:
        return
    if os.geteuid() != 0 or not shutil.which('apt-get'):
        work.progress.say(f'  Not installed, that takes root and apt-get: {", ".join(missing)}')
        return
    with work.progress.step(f'system packages {", ".join(missing)}'), _nothing_started() as path:
        environ = {**os.environ, 'DEBIAN_FRONTEND': 'noninteractive'}
        wanted = ['apt-get', 'install', '-q', '-y', '--no-install-recommends', *path, *missing]
        try:
            work.children.check(['apt-get', 'update', '-q'], environ=environ)
            work.children.check(wanted, environ=environ)
        except FailedError as error:
            work.progress.say('\n'.join(['  apt-get failed:', *error.lines[-5:]]))


@contextmanager
def _nothing_started() -> Iterator[list[str]]:
    """Yield the options that have packages find, before the real starters, some that do nothing."""
    with tempfile.TemporaryDirectory() as folder:
        for name in STARTERS:
            idle = Path(folder) / name
            idle.write_text('#!/bin/sh\n')
            idle.chmod(0o755)
        yield ['-o', f'DPkg::Path={folder}:{DPKG_PATH}']
