"""Small file systems of a test's own, and how to fill them to the last page."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

MIB = 2**20
# Bytes that a folder takes on ext4.
BLOCK = 1024
# On tmpfs a folder takes no room; on ext4 it does, as on the disks that people have.
KINDS = ('tmpfs', 'ext4')


@contextlib.contextmanager
def small_disk(folder: Path, size: int, kind: str = 'tmpfs') -> Iterator[Path]:
    """Have a file system of so many MiB mounted in a new folder; skip the test where it cannot be.

    kind: one of KINDS.
    """
    folder.mkdir(parents=True)
    if not _mount(folder, size, kind):
        pytest.skip(f'mounting a {kind} needs root, and a kernel that has it')
    try:
        yield folder
    finally:
        subprocess.run(['umount', '--lazy', str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Fill the disk to the last page; return the file that does."""
    filler = folder / 'filler'
    with contextlib.suppress(OSError), filler.open('wb') as file:
        while True:
            file.write(b'\0' * 2**16)
            file.flush()
    with contextlib.suppress(OSError), filler.open('ab', buffering=0) as file:
        while True:
            file.write(b'\0' * 512)
    assert shutil.disk_usage(folder).free < 2**12
    return filler


def _mount(folder: Path, size: int, kind: str) -> bool:
    if kind == 'tmpfs':
        return _succeeds('mount', '-t', 'tmpfs', '-o', f'size={size}m', 'tmpfs', str(folder))
    image = folder.with_name(f'{folder.name}.image')
    with image.open('wb') as file:
        file.truncate(size * MIB)
    # Nothing kept back for root, who this is.
    make = ('mkfs.ext4', '-q', '-m', '0', '-b', str(BLOCK), str(image))
    made = shutil.which(make[0]) and _succeeds(*make)
    return bool(made) and _succeeds('mount', '-o', 'loop', str(image), str(folder))


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
