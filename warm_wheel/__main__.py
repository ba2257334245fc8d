"""`python -m warm_wheel`: make the wheels of `warm_pulumi` in `dist/`, and print where they are.

`python -m warm_wheel aarch64`: the same, with executables for that machine.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from engine import EngineError, golang
from engine.build import ENGINE
from engine.builds import golang_folder
from engine.work import Work, interrupted_by_signals, under_way
from warm_wheel import making
from warm_wheel.contents import ROOT
from warm_wheel.errors import WheelError
from warm_wheel.modules import Go


def main() -> int:
    """Make both wheels; return the exit code."""
    interrupted_by_signals()
    machine = _machine()
    try:
        with under_way() as work:
            wheels = list(make(ROOT / 'dist', work, machine))
    except (EngineError, WheelError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('Interrupted. What is built of the engine is kept.', file=sys.stderr)
        return 130
    for wheel in wheels:
        print(f'{wheel} ({wheel.stat().st_size / 1e6:.1f} MB)')
    return 0


def _machine() -> str:
    here = platform.machine()
    parser = argparse.ArgumentParser(prog='python -m warm_wheel')
    parser.add_argument(
        'machine',
        nargs='?',
        default=here,
        choices=sorted({here, *golang.ARCHITECTURES}),
        help='what the executables are for',
    )
    return str(parser.parse_args().machine)


def make(target: Path, work: Work, machine: str) -> Iterator[Path]:
    """Make the wheels in a folder, of the engine of these sources, which is built if need be.

    machine: what the executables are for.

    Raises EngineError or WheelError.
    """
    recipe = replace(ENGINE, machine=machine)
    engine = recipe.build(work).parent
    go = Go(golang.toolchain(golang_folder(), work), work)
    yield making.pure(target)
    with work.progress.step('packing the executables'):
        describer = making.Describer(go, recipe.modules)
        yield making.platform(engine, recipe.fingerprint(), describer, target)


if __name__ == '__main__':
    sys.exit(main())
