"""`python -m warm_wheel`: make the wheels of `warm_pulumi` in `dist/`, and print where they are."""

from __future__ import annotations

import sys
from collections.abc import Iterator
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
    try:
        with under_way() as work:
            wheels = list(make(ROOT / 'dist', work))
    except (EngineError, WheelError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('Interrupted. What is built of the engine is kept.', file=sys.stderr)
        return 130
    for wheel in wheels:
        print(f'{wheel} ({wheel.stat().st_size / 1e6:.1f} MB)')
    return 0


def make(target: Path, work: Work) -> Iterator[Path]:
    """Make the wheels in a folder, of the engine of these sources, which is built if need be.

    Raises EngineError or WheelError.
    """
    engine = ENGINE.build(work).parent
    go = Go(golang.toolchain(golang_folder(), work), work)
    yield making.pure(target)
    with work.progress.step('packing the executables'):
        yield making.platform(engine, making.Describer(go, ENGINE.modules), target)


if __name__ == '__main__':
    sys.exit(main())
