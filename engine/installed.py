"""The engine that came with an installed wheel of `warm_pulumi`, which `make wheel` makes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import distributions
from pathlib import Path

# Where the wheel has the engine, and what says which sources it was built of.
FOLDER = 'warm_pulumi/executables'
FINGERPRINT = 'fingerprint'
# In the checkout's own venv, a link to the engine that the Python which made the venv has.
LINK = Path('warm-pulumi-engine')


def bin_folder(fingerprint: Callable[[], str], path: Sequence[str] | None = None) -> Path | None:
    """Return the bin folder of the engine that this Python, or who made its venv, has installed.

    fingerprint: tells what it has to be built of: an engine of other sources would not fit.
    path: where installed packages are; None: where this Python looks for them.
    """
    places = [Path(sys.prefix) / LINK] if path is None else []
    for found in distributions(name='warm-pulumi', path=list(sys.path if path is None else path)):
        places.append(Path(str(found.locate_file(FOLDER))))
    return next((each / 'bin' for each in places if _is_built_of(each, fingerprint)), None)


def _is_built_of(folder: Path, fingerprint: Callable[[], str]) -> bool:
    try:
        is_it = (folder / FINGERPRINT).read_text().strip() == fingerprint()
        # Whoever unpacks a wheel by other means than pip may lose what makes it executable.
        return is_it and os.access(folder / 'bin' / 'pulumi', os.X_OK)
    except OSError:
        return False
