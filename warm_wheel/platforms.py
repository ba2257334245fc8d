"""Which platforms executables run on, as the files themselves say."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from elftools.elf.elffile import ELFFile

from warm_wheel.errors import WheelError

# The names that the kernel and pip have for the machines that ELF files are for.
MACHINES = {'EM_X86_64': 'x86_64', 'EM_AARCH64': 'aarch64'}
LIBCS = ('manylinux_2_17', 'manylinux2014', 'musllinux_1_1')
ELF_MAGIC = b'\x7fELF'


def platform_of(files: Iterable[Path]) -> str:
    """Return the platform part of the tag of a wheel with these executables; scripts say nothing.

    What needs no library at all runs with any libc. pip knows no name for that, so it gets the
    oldest glibc and musl that its projects still name.

    Raises WheelError where one is linked to libraries, or for another machine than the others.
    """
    machines = {_machine_of(file) for file in files if _is_elf(file)}
    if len(machines) != 1:
        raise WheelError(
            f'The executables are for {sorted(machines) or "no machine"}: one is needed.'
        )
    [machine] = machines
    return '.'.join(f'{libc}_{machine}' for libc in LIBCS)


def _is_elf(file: Path) -> bool:
    with file.open('rb') as data:
        return data.read(len(ELF_MAGIC)) == ELF_MAGIC


def _machine_of(file: Path) -> str:
    with file.open('rb') as data:
        elf = ELFFile(data)
        kinds = {segment['p_type'] for segment in elf.iter_segments()}
        machine = MACHINES.get(elf['e_machine'])
    if kinds & {'PT_INTERP', 'PT_DYNAMIC'}:
        raise WheelError(
            f'{file.name} is linked to libraries of this machine, and may not run on others. '
            'Build it with CGO_ENABLED=0, as `python -m engine` does.'
        )
    if machine is None:
        raise WheelError(f'{file.name} is for {elf["e_machine"]}, for which there is no wheel.')
    return machine
