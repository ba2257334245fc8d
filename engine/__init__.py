"""The Pulumi engine: found on this machine, or built here from Go modules.

Standard library only, because it runs before anything is installed.
"""

import sys

# Python 3.6 must be able to read this file, and the one of setup/.
if sys.version_info < (3, 10):  # noqa: UP036
    sys.exit(
        'Python 3.10 or newer is needed, this is '
        f'{sys.version_info[0]}.{sys.version_info[1]}. Name one: make serve PYTHON=python3.12'
    )

from engine.errors import (
    BuildError,
    CacheError,
    EngineError,
    EngineMissingError,
    EngineUnusableError,
)
from engine.find import Engine, find, set_up

__all__ = [
    'BuildError',
    'CacheError',
    'Engine',
    'EngineError',
    'EngineMissingError',
    'EngineUnusableError',
    'find',
    'set_up',
]
