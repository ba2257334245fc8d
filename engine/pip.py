"""What pip may be told by its caller's environment: where packages come from, not where they go."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

# What would have packages of elsewhere count as installed, go elsewhere, or be others than asked.
FOREIGN = re.compile(
    'PYTHON|PIP_(TARGET|PREFIX|ROOT|USER|PYTHON|DRY_RUN|NO_DEPS|REQUIREMENT|REQUIRE_VIRTUALENV)$'
)


def environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment in which pip and Python make a venv."""
    return {name: value for name, value in environ.items() if not FOREIGN.match(name)}
