"""The Pulumi engine: found on this machine, or built here from Go modules.

Standard library only, because it runs before anything is installed.
"""

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
